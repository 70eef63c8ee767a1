import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TenantId } from '@zerofleet/model';
import { controlKeys, CONTROLS_VERSION, type MissedRuns, type Schedule } from '@zerofleet/protocol';
import { silentLogger } from '@zerofleet/runtime';
import { Bench, JOB } from '../gateway/bench.test.helper.js';
import { planRun } from '../gateway/scheduled.js';
import { ScheduleKeeper } from './schedule-keeper.js';

const ADA = 'ada' as TenantId;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let bench: Bench;
let keeper: ScheduleKeeper;

const newKeeper = (): ScheduleKeeper =>
  new ScheduleKeeper({
    controls: bench.settings.controls,
    runs: bench.fold.runs,
    plan: (record, atMs) => planRun(bench.admission(), record, atMs),
    submit: (envelope) => bench.engine.submit(envelope),
    cancel: (tenant, id) => bench.engine.cancel(tenant, id),
    clock: bench.clock,
    log: silentLogger(),
  });

beforeEach(async () => {
  bench = new Bench({ queuedMax: 1_000 });
  await bench.begin();
  // The first minute that is whole.
  await bench.clock.advance(MINUTE_MS - (bench.clock.wallMs() % MINUTE_MS));
  keeper = newKeeper();
});
afterEach(async () => {
  keeper.close();
  await bench.close();
});

let revision = 0;
const set = async (schedule: Partial<Schedule> = {}, name = 'often'): Promise<void> => {
  revision += 1;
  const nowMs = bench.clock.wallMs();
  await bench.settings.put(controlKeys.schedule(ADA, name), {
    ...{
      v: CONTROLS_VERSION,
      tenant: ADA,
      name,
      revision,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      by: 'test',
    },
    schedule: { cron: '* * * * *', job: JOB, ...schedule },
  });
};
/** Times of the runs that are live, in minutes from now. */
const planned = (): number[] =>
  [...bench.fold.state.jobs.values()]
    .filter(({ state }) => state.kind !== 'finished')
    .flatMap(({ extras }) => extras?.schedule?.atMs ?? [])
    .map((atMs) => (atMs - bench.clock.wallMs()) / MINUTE_MS)
    .sort((a, b) => a - b);

describe('a schedule', () => {
  it('has its next run in the ledger, and the one after that as soon as it is due', async () => {
    await set();
    await bench.clock.advance(1_000);
    expect(planned().map(Math.ceil)).toEqual([1]);
    await bench.clock.advance(MINUTE_MS);
    // No worker: the one that is due waits, and the next is planned all the same.
    expect(planned().map((inMinutes) => Math.ceil(inMinutes) + 0)).toEqual([0, 1]);
    await bench.clock.advance(2 * MINUTE_MS);
    expect(planned()).toHaveLength(4);
  });

  it('that is changed, disabled or deleted takes back what has not started', async () => {
    await set();
    await bench.clock.advance(1_000);
    await set({ cron: '0 * * * *' });
    await bench.clock.advance(1_000);
    expect(planned()).toHaveLength(1);
    expect(planned()[0]).toBeGreaterThan(1);
    await set({ cron: '0 * * * *', enabled: false });
    await bench.clock.advance(1_000);
    expect(planned()).toEqual([]);
    await set();
    await bench.clock.advance(1_000);
    expect(planned()).toHaveLength(1);
    await bench.settings.remove(controlKeys.schedule(ADA, 'often'));
    await bench.clock.advance(1_000);
    expect(planned()).toEqual([]);
  });

  it('goes on behind a run that its tenant cancelled', async () => {
    await set();
    await bench.clock.advance(1_000);
    const [run] = [...bench.fold.state.jobs.values()].filter(({ extras }) => extras?.schedule !== undefined);
    if (run === undefined) throw new Error('no run was planned');
    await bench.engine.cancel(ADA, run.id);
    await bench.clock.advance(2_000);
    expect(planned().map(Math.ceil)).toEqual([2]);
  });

  it.each<[MissedRuns, number]>([
    ['skip', 0],
    ['once', 1],
    ['all', 100],
  ])(
    'with missed runs of a whole day and the policy %s makes up for %i',
    async (missed, made) => {
      await set({ missed });
      keeper.close();
      await bench.clock.advance(20 * HOUR_MS);
      keeper = newKeeper();
      await bench.clock.advance(40_000);
      expect(planned().filter((inMinutes) => inMinutes <= -1)).toHaveLength(Math.max(made - 1, 0));
      expect(planned().filter((inMinutes) => inMinutes > 0)).toHaveLength(1);
      expect(planned().filter((inMinutes) => inMinutes <= 0)).toHaveLength(made);
    },
    60_000,
  );

  it('with the policy once has made up for missed runs by one that is late already', async () => {
    await set({ missed: 'once' });
    await bench.clock.advance(1_000);
    expect(planned()).toHaveLength(1);
    keeper.close();
    await bench.clock.advance(HOUR_MS);
    keeper = newKeeper();
    await bench.clock.advance(5_000);
    expect(planned().filter((inMinutes) => inMinutes <= 0)).toHaveLength(1);
    expect(planned().filter((inMinutes) => inMinutes > 0)).toHaveLength(1);
  });

  it('is kept by the next leader: nothing is run twice, and nothing left out', async () => {
    await set();
    for (let n = 0; n < 5; n += 1) {
      await bench.clock.advance(45_000);
      keeper.close();
      keeper = newKeeper();
    }
    await bench.clock.advance(15_000);
    const times = planned();
    expect(times.map((inMinutes) => Math.round(inMinutes))).toEqual([-3, -2, -1, 0, 1]);
  });

  it('whose tool is gone says so once, and goes on when it can', async () => {
    await set({ job: { tool: 'gone' } });
    await bench.clock.advance(3 * MINUTE_MS);
    expect(planned()).toEqual([]);
    await set();
    await bench.clock.advance(1_000);
    expect(planned()).toHaveLength(1);
  });

  it('waits for room in the queue of its tenant, and its place is not taken twice', async () => {
    await bench.settings.put(controlKeys.tenant(ADA), {
      ...{ v: CONTROLS_VERSION, tenant: ADA, createdAtMs: 0, by: 'test' },
      quotas: { queuedMax: 1 },
    });
    const { id } = await bench.submit();
    await set({ cron: '0 * * * *' });
    await bench.clock.advance(5_000);
    expect(planned()).toEqual([]);
    await bench.call('POST', `/v1/jobs/${id}/cancel`);
    await bench.clock.advance(3_000);
    expect(planned()).toHaveLength(1);
  });
});
