/**
 * What an acknowledgement is worth when the power goes: under load, every job that a client was told of is on the disks,
 * with one server and with three, while a server that syncs lazily is seen to lose jobs. And a stream whose leader steps
 * down under load loses and doubles nothing. ZF_POWERCUT_COPIES=10 runs the full dose. Needs root, for its disks.
 */
import { join } from 'node:path';
import {
  makeDisk,
  startLab,
  temporaryFolder,
  whyNoDisks,
  type Lab,
  type LabOptions,
  type Session,
} from '@zerofleet/launch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../fleet/eventually.js';
import { testSession } from '../fleet/session.js';
import { auditOf, type Findings } from './audit.js';
import { doseFor } from './dose.js';
import { JobLoad } from './load.js';
import { cutPower, readCut, storeOn, type PowerCut } from './power-cut.js';
import { infoOf, LEDGER, readRecord } from './record.js';
import { tableOf, type Row } from './table.js';

const dose = doseFor(process.env['ZF_POWERCUT_COPIES']);
const IN_FLIGHT = 64;
/** Jobs acknowledged between two power cuts, or two step-downs. */
const BETWEEN = 1_000;
const DISK_MIB = 1_024;
const MIB = 1024 ** 2;
const STEPPED_DOWN_MS = 30_000;
/** Streams that fit on the disks. */
const SMALL_STREAMS = Object.fromEntries(
  ['LEDGER', 'OUTCOMES', 'TIMERS', 'DEAD', 'BLOBS'].map((name) => [`ZF_${name}_MAX_BYTES`, String(96 * MIB)]),
);

const loadOn = (lab: Lab): JobLoad => {
  const [coordinator] = lab.coordinators;
  const [tenant] = lab.tenants;
  if (coordinator === undefined || tenant === undefined) throw new Error('the lab has nobody to ask');
  return new JobLoad({ apiUrl: coordinator.apiUrl, apiKey: tenant.apiKey, inFlight: IN_FLIGHT });
};

interface Cuts {
  readonly cuts: readonly PowerCut[];
  readonly load: JobLoad;
}

/** Runs a lab on disks of its own under load and cuts its power `times` times. */
const cutsOf = async (session: Session, options: LabOptions, times: number): Promise<Cuts> => {
  const folder = temporaryFolder(session);
  const disks = [];
  for (let n = 0; n < (options.servers ?? 1); n += 1)
    disks.push(await makeDisk(session, join(folder, `disk-${n}`), DISK_MIB));
  const lab = await startLab(session, { ...options, env: SMALL_STREAMS, storeFolders: disks.map(storeOn) });
  const load = loadOn(lab);
  const cuts: PowerCut[] = [];
  for (let n = 0; n < times; n += 1) {
    await load.until(BETWEEN);
    cuts.push(await cutPower(session, lab, disks, load.acknowledged, `copy-${n}`));
  }
  await load.until(1);
  await load.stop();
  await lab.stop();
  return { cuts, load };
};

/** Reads every copy, shows what is in it, and returns what an audit finds. */
const judge = async (session: Session, title: string, { cuts, load }: Cuts): Promise<readonly Findings[]> => {
  const rows: Row[] = [];
  for (const [n, cut] of cuts.entries()) {
    const record = await readCut(session, cut);
    const findings = auditOf(cut.acknowledged, record);
    const name = `copy ${n + 1} (${cut.tookMs.toFixed(0)} ms)`;
    rows.push({ name, acknowledged: cut.acknowledged.length, record, findings });
  }
  show(title, load, rows);
  return rows.map(({ findings }) => findings);
};

const show = (title: string, load: JobLoad, rows: readonly Row[]): void => {
  const { rate, refused, unanswered, longestPauseMs } = load;
  const told = `${rate.toFixed(0)} jobs/s, longest pause ${longestPauseMs.toFixed(0)} ms`;
  process.stdout.write(tableOf(`${title} (${told}, ${refused} refused, ${unanswered} unanswered)`, rows));
};

const CLEAN = { lost: [], doubled: [], breaks: [] };

describe('a power cut under load', () => {
  let session: Session;
  beforeEach(() => {
    const why = whyNoDisks();
    if (why !== undefined) throw new Error(`no disk can be made here: ${why}`);
    session = testSession();
  });
  afterEach(() => session.close());

  it(`takes no acknowledged job from one server that syncs always, ${dose.copies} times of ${dose.copies}`, async () => {
    const cuts = await cutsOf(session, {}, dose.copies);
    const findings = await judge(session, 'one server, sync_interval: always', cuts);
    expect(findings).toEqual(cuts.cuts.map(() => CLEAN));
  });

  it('takes acknowledged jobs from one server that syncs lazily: the method sees a loss', async () => {
    const cuts = await cutsOf(session, { sync: 'lazy' }, dose.lazyCopies);
    for (const { lost } of await judge(session, 'one server, lazy sync', cuts))
      expect(lost.length).toBeGreaterThan(0);
  });

  it('takes no acknowledged job from three servers that lose power at once', async () => {
    const cuts = await cutsOf(session, { servers: 3 }, dose.clusterCopies);
    const findings = await judge(session, 'three servers, sync_interval: always', cuts);
    expect(findings).toEqual(cuts.cuts.map(() => CLEAN));
  });

  it('is survived by going on: a stream leader that steps down loses and doubles nothing', async () => {
    // No worker: jobs stay queued, so that nothing of the ledger is purged and all of it can be read.
    const lab = await startLab(session, { servers: 3, workers: 0 });
    const { connection } = await lab.connect();
    const load = loadOn(lab);
    for (let n = 0; n < dose.stepDowns; n += 1) {
      await load.until(BETWEEN);
      const before = (await infoOf(connection, LEDGER)).cluster?.leader;
      const asked = await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${LEDGER}`, '');
      expect(asked.json()).toMatchObject({ success: true });
      await eventually(
        'another leader',
        async () => {
          const now = (await infoOf(connection, LEDGER).catch(() => undefined))?.cluster?.leader;
          return now !== undefined && now !== '' && now !== before ? true : undefined;
        },
        STEPPED_DOWN_MS,
      );
    }
    await load.until(BETWEEN);
    await load.stop();
    const record = await readRecord(connection);
    const findings = auditOf(load.acknowledged, record);
    const name = `${dose.stepDowns} step-downs`;
    show('three servers, leader step-down', load, [
      { name, acknowledged: load.acknowledged.length, record, findings },
    ]);
    expect(findings).toEqual(CLEAN);
  });
});
