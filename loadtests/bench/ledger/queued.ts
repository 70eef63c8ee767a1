/**
 * With very many jobs queued: what one costs in memory, how long a fresh coordinator reads, and how soon a standby
 * dispatches when the leader is killed.
 */
import { startLab, type Lab, type LabCoordinator, type Session } from '@zerofleet/launch';
import type { WorkerId } from '@zerofleet/model';
import { parseRun } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { say } from '../../shared/output.js';
import { SHARD } from '../queue/jobs.js';
import { detailsOf, heapEnv, heapOf, leaderOf, standingOf, waitFor } from './coordinators.js';
import { fill } from './fill.js';

/**
 * Each job runs for so long, in ms: long enough that the queue hardly shrinks meanwhile, and short enough that room for the next
 * one is not what a new leader waits for.
 */
const JOB_MS = 200;
const SLOTS = 64;
const READ_MS = 120_000;
const FAILOVER_MS = 60_000;

export interface QueuedOptions {
  readonly jobs: number;
  readonly replays: number;
  readonly kills: number;
}

export interface QueuedFigures {
  /** Heap bytes of a queued job, its payload not counted. */
  readonly jobBytes: number;
  readonly fillPerSecond: number;
  /** From a fresh coordinator's first answer, which comes just before it reads, to the end of its fold, in ms. */
  readonly replayMs: readonly number[];
  /** From the leader's SIGKILL to the first Run of the next epoch, in ms. */
  readonly failoverMs: readonly number[];
}

/** Measures with a lab of its own, of two coordinators and a worker. */
export const measureQueued = async (session: Session, options: QueuedOptions): Promise<QueuedFigures> => {
  const { signal } = session;
  const folder = join(tmpdir(), `zerofleet-heap-${session.launchId}`);
  session.make({ kind: 'folder', path: folder });
  mkdirSync(folder, { recursive: true });
  // Payloads stay on disk, so that the heap holds the jobs alone.
  const env = { ...heapEnv(folder), ZF_PAYLOAD_BYTES_MAX: '1', ZF_QUEUED_MAX: String(2 * options.jobs) };
  const lab = await startLab(session, { coordinators: 2, workers: 1, slots: SLOTS, env });
  const { connection } = await lab.connect();
  const leader = await leaderOf(lab, signal);
  await Promise.all(lab.workers.map((worker) => worker.stop()));
  const alone = async (): Promise<boolean> => (await detailsOf(leader))?.workers === 0;
  await waitFor('the loss of the worker', alone, { timeoutMs: FAILOVER_MS, signal });
  const empty = await heapOf(leader, folder, signal);
  const fillMs = await fill(connection, { jobs: options.jobs, args: { delayMs: JOB_MS }, signal });
  const full = await heapOf(leader, folder, signal);
  const jobBytes = (full - empty) / options.jobs;
  say(`${options.jobs} jobs queued in ${(fillMs / 1_000).toFixed(1)} s, ${Math.round(jobBytes)} bytes each`);
  const replayMs = await replays(lab, leader, options.replays, signal);
  await Promise.all(lab.workers.map((worker) => worker.start(signal)));
  const failoverMs = await failovers(lab, connection, options.kills, signal);
  await lab.stop();
  return { jobBytes, fillPerSecond: (options.jobs * 1_000) / fillMs, replayMs, failoverMs };
};

/** Starts the standby afresh, again and again. */
const replays = async (
  lab: Lab,
  leader: LabCoordinator,
  times: number,
  signal: AbortSignal,
): Promise<readonly number[]> => {
  const standby = lab.coordinators.find((one) => one !== leader);
  if (standby === undefined) throw new Error('there is no standby');
  const took: number[] = [];
  for (let n = 0; n < times; n += 1) {
    await standby.part.stop();
    await waitFor('the end of a coordinator', () => standby.part.pid === undefined, {
      timeoutMs: READ_MS,
      signal,
    });
    const starting = standby.part.start(signal);
    starting.catch(() => undefined);
    const stands = (wanted: (standing: string | undefined) => boolean) => async (): Promise<boolean> =>
      wanted(await standingOf(standby));
    const limits = { timeoutMs: READ_MS, signal };
    await waitFor(
      'the start of a coordinator',
      stands((standing) => standing !== undefined),
      limits,
    );
    const began = performance.now();
    await waitFor(
      'a replay',
      stands((standing) => standing === 'following'),
      limits,
    );
    took.push(performance.now() - began);
    await starting;
    say(`replay ${n + 1}: ${((took.at(-1) ?? 0) / 1_000).toFixed(1)} s`);
  }
  return took;
};

/** Kills the leader, again and again, each time beside a warm standby. */
const failovers = async (
  lab: Lab,
  connection: NatsConnection,
  times: number,
  signal: AbortSignal,
): Promise<readonly number[]> => {
  let newest = { epoch: 0, atMs: 0 };
  connection.subscribe(SHARD.run('*' as WorkerId), {
    callback: (error, message) => {
      const run = error === null ? parseRun(message.data) : undefined;
      if (run?.ok === true && run.value.run.epoch > newest.epoch)
        newest = { epoch: run.value.run.epoch, atMs: performance.now() };
    },
  });
  const took: number[] = [];
  await waitFor('the first run', () => newest.epoch > 0, { timeoutMs: FAILOVER_MS, signal });
  for (let n = 0; n < times; n += 1) {
    const warm = async (): Promise<boolean> =>
      (await Promise.all(lab.coordinators.map(standingOf))).every(
        (one) => one === 'leading' || one === 'following',
      );
    await waitFor('a warm standby', warm, { timeoutMs: READ_MS, signal });
    const leader = await leaderOf(lab, signal);
    const { epoch } = newest;
    const began = performance.now();
    leader.part.kill('SIGKILL');
    await waitFor('a failover', () => newest.epoch > epoch, { timeoutMs: FAILOVER_MS, signal });
    took.push(newest.atMs - began);
    say(`failover ${n + 1}: ${Math.round(newest.atMs - began)} ms`);
  }
  return took;
};
