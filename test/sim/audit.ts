/**
 * The auditor of a history: reads only what tenants were told, the ledger's whole history, what ran where and what was
 * projected. Never asks the engine.
 */
import type { JobId } from '@zerofleet/model';
import { ShardState } from '@zerofleet/coordinator';
import { decodeCommit, type Commit } from '@zerofleet/protocol';
import type { MemoryLog } from '@zerofleet/testkit';
import type { World } from './world.js';

/** What is wrong with a history; empty when nothing is. */
export const audit = (world: World): string[] => {
  const commits = decode(world.log);
  return [
    ...world.failures,
    ...auditWriter(commits),
    ...auditOutcomes(world, commits),
    ...auditRuns(world),
    ...auditHeard(world),
    ...auditPurge(world, commits),
  ];
};

const decode = (log: MemoryLog): Commit[] =>
  log.history.map((bytes, index) => {
    const commit = decodeCommit(bytes);
    if (!commit.ok) throw new Error(`message ${index + 1}: ${commit.reason}`);
    return commit.value;
  });

/** I2: epochs only grow, each begins with `elected`, batches of an epoch are 1, 2, 3 … */
const auditWriter = (commits: readonly Commit[]): string[] => {
  const wrong: string[] = [];
  let epoch = 0;
  let batch = 0;
  for (const [index, commit] of commits.entries()) {
    const elected = commit.events.some((event) => event.kind === 'elected');
    if (elected ? commit.epoch <= epoch : commit.epoch !== epoch || commit.batch !== batch + 1)
      wrong.push(
        `I2: message ${index + 1} of epoch ${commit.epoch} batch ${commit.batch} after ${epoch}/${batch}`,
      );
    epoch = commit.epoch;
    batch = elected ? 0 : commit.batch;
  }
  return wrong;
};

/** I1: every accepted job has exactly one recorded outcome, and it is the projected one. */
const auditOutcomes = (world: World, commits: readonly Commit[]): string[] => {
  const wrong: string[] = [];
  const finished = new Map<JobId, string>();
  for (const event of commits.flatMap((commit) => commit.events)) {
    if (event.kind !== 'finished') continue;
    if (finished.has(event.id)) wrong.push(`I1: ${event.id} has two outcomes`);
    finished.set(event.id, event.outcome.kind);
  }
  for (const id of world.accepted.keys()) {
    if (!finished.has(id)) wrong.push(`I1: ${id} was accepted and has no outcome`);
    else if (world.projected.get(id)?.outcome.kind !== finished.get(id))
      wrong.push(`I1: ${id} is projected otherwise`);
  }
  return wrong;
};

/** I4: an attempt runs once at most, and a job with `maxAttempts: 1` is started once at most. */
const auditRuns = (world: World): string[] => {
  const wrong: string[] = [];
  const attempts = new Set<string>();
  const starts = new Map<JobId, number>();
  for (const { id, attempt } of world.executions) {
    const key = `${id}/${attempt}`;
    if (attempts.has(key)) wrong.push(`I4: ${key} ran twice`);
    attempts.add(key);
    starts.set(id, (starts.get(id) ?? 0) + 1);
  }
  for (const [id, { maxAttempts }] of world.accepted) {
    const count = starts.get(id) ?? 0;
    if (count > maxAttempts) wrong.push(`I4: ${id} was started ${count} times, ${maxAttempts} allowed`);
  }
  return wrong;
};

/** What a listener heard is what stands: one final state, the recorded one. */
const auditHeard = (world: World): string[] =>
  [...world.heard].flatMap(([id, kinds]) =>
    kinds.some((kind) => kind !== world.projected.get(id)?.outcome.kind)
      ? [
          `I3: a listener of ${id} heard ${kinds.join(', ')}, recorded is ${world.projected.get(id)?.outcome.kind}`,
        ]
      : [],
  );

/** The law of purge: what is left of the ledger folds to the same live state as all of it. */
const auditPurge = (world: World, commits: readonly Commit[]): string[] => {
  const live = (from: number): string => {
    const state = new ShardState();
    for (let seq = from; seq <= commits.length; seq += 1) {
      const commit = commits[seq - 1];
      if (commit !== undefined) state.replay(commit, seq);
    }
    const jobs = [...state.jobs.values()].filter((job) => job.state.kind !== 'finished');
    return JSON.stringify({ epoch: state.epoch, jobs: jobs.map((job) => [job.envelope.id, job.state]) });
  };
  return live(1) === live(world.log.firstSeq)
    ? []
    : [`purge: the ledger from ${world.log.firstSeq} on folds otherwise`];
};
