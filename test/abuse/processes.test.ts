/** Groups 1, 5 and 17: processes without number or end, and descriptors. */
import { afterEach, describe, expect, it } from 'vitest';
import { attack, toldOf, untilSameContainer } from './harness/attack.js';
import { fewProcesses, tablesAreFree } from './harness/claims.js';
import { allFine, facts, textOf } from './harness/fleet.js';
import { Ladder } from './harness/ladder.js';
import { addRow } from './harness/report.js';
import { besideNeighbour } from './harness/suite.js';

const OPEN_FILES_MAX = 1_024;
const TIMEOUT_MS = 1_500;
const beside = besideNeighbour();
const ladder = new Ladder();

afterEach(() => allFine());

describe('1 fork bomb', () => {
  it('gets no more processes than its container may have', async () => {
    await beside('1 forks until refused', async () => {
      fewProcesses(await attack('fork-count.py'));
    });
  });

  it('is ended at its time limit with all that it made', async () => {
    const bombs = [['fork-bomb.sh'], ['fork-storm.py']] as const;
    await beside('1 bombs', async () => void (await ladder.endsAll(bombs, TIMEOUT_MS)));
  });
});

describe('5 no end', () => {
  it('computes on: is ended at its time limit', async () => {
    const copies = [['busy-loop.py'], ['busy-loop.py'], ['busy-loop.py']] as const;
    await beside('5 busy loops', async () => void (await ladder.endsAll(copies, TIMEOUT_MS)));
  });

  it('sleeps, is stopped, leaves daemons or zombies: is ended at its time limit', async () => {
    const programs = [['sleep-on.sh'], ['stop-self.py'], ['daemon.py', ['wait']], ['zombies.py']] as const;
    await beside('5 sleepers', async () => {
      const ends = await ladder.endsAll(programs, TIMEOUT_MS);
      expect(ends.map((end) => toldOf(end, 'refused')).at(-1)).toBe('EAGAIN');
    });
  });

  it('leaves a daemon behind: the job ends with its program, and the daemon with the job', async () => {
    const end = await attack('daemon.py');
    expect(end.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
    expect(end.job.usage?.wallMs).toBeLessThan(5_000);
    for (const next of await untilSameContainer('who-is-here.py', end)) {
      expect(next.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
      expect(toldOf(next, 'seen')).toBeGreaterThanOrEqual(4);
      expect(toldOf(next, 'strangers')).toEqual([]);
      expect(textOf(next.job)).not.toContain('still here');
    }
  });

  it('is gone by the deadline and 3 s at the p99, and 5 s always', () => {
    const { count, p50, p99, max } = ladder.verdict();
    expect(count).toBeGreaterThanOrEqual(15);
    addRow(facts().rowsFile, { table: 'kills', name: 'kill ladder', figures: { count, p50, p99, max } });
  });
});

describe('17 descriptors', () => {
  it('gets no more than its limit, of any kind', async () => {
    await beside('17 descriptors', async () => {
      const end = await attack('descriptors.py');
      expect(end.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
      const kinds = end.told.filter(({ kind }) => kind !== undefined);
      expect(kinds).toHaveLength(6);
      for (const kind of kinds) {
        expect(kind['refused']).toBe('EMFILE');
        expect(kind['held']).toBeLessThan(OPEN_FILES_MAX);
      }
    });
  });

  it('takes nothing from other tenants of what the kernel counts by user', async () => {
    await beside('17 tables by user', async () => {
      const holding = attack('hold-tables.py', { args: ['3'] });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const used = await attack('use-tables.py', { as: 'victim' });
      const held = await holding;
      expect(toldOf(held, 'holding')).toBe(true);
      // It did get to the end of what there is, or to its own limit of descriptors.
      expect(
        held.told.filter(({ refused }) => refused !== null && refused !== undefined).length,
      ).toBeGreaterThan(3);
      tablesAreFree(used);
    });
  });
});
