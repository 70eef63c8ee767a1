/**
 * What this release writes while one before it may be around, held against a frozen reader of that release; and what that
 * release wrote, as this one reads it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShardState } from '@zerofleet/coordinator';
import type { JobId, JobState } from '@zerofleet/model';
import { decodeCommit, encodeCommit, type Commit } from '@zerofleet/protocol';
import { anyEvent, count } from './arbitrary.js';
import { FoldOne, type StateOne } from './fold.js';
import { readCommitOne, writeCommitOne, type CommitOne } from './reader.js';
import { history } from './history.js';

/** Any commit of one event and more that this release may be asked to write in format 1. */
const anyCommit = fc.record({
  v: fc.constant(1 as const),
  epoch: count,
  batch: count,
  atMs: count,
  projected: count,
  events: fc.array(anyEvent, { maxLength: 3 }),
});

/** The bytes, or undefined where this release refuses to write such a commit. */
const written = (commit: Commit): Uint8Array | undefined => {
  try {
    return encodeCommit(commit);
  } catch {
    return undefined;
  }
};

/** All that an event says, field by field, wherever it stands; what is absent or says nothing is left out. */
const saidBy = (event: object): Record<string, unknown> => {
  const said: Record<string, unknown> = {};
  const { job, extras, template, ...own } = event as Record<string, unknown>;
  for (const part of [own, job, extras, template])
    if (typeof part === 'object' && part !== null)
      for (const [name, value] of Object.entries(part === own ? own : saidBy(part)))
        if (value !== null) said[name] = value;
  return said;
};

/** Who is elected says which format it reads: the release before does not know that, and need not. */
const withoutFormat = (event: object): object =>
  Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'format'));

const foldNow = (commits: readonly Commit[]): Map<JobId, JobState> => {
  const need = {
    room: { cpuMilli: 0, memoryMiB: 0 },
    poolKey: '',
    mode: 'warm',
    outcomeBytesMax: 0,
  } as const;
  const state = new ShardState({ needOf: () => need, changed: () => undefined });
  for (const [index, commit] of commits.entries()) state.replay(commit, index + 1, new Map());
  return new Map([...state.jobs].map(([id, record]) => [id, record.state]));
};

const foldOne = (commits: readonly CommitOne[]): Map<string, StateOne> => {
  const fold = new FoldOne();
  for (const commit of commits) fold.replay(commit);
  return new Map([...fold.jobs].map(([id, { state }]) => [id, state]));
};

/** A state of now as that release would have it: there was no time before which a job is not started. */
const stateOneOf = (state: JobState): StateOne => {
  if (state.kind !== 'queued') return state;
  const { dueAtMs, ...rest } = state;
  expect(dueAtMs).toBeNull();
  return rest;
};

const mustRead = (bytes: Uint8Array): CommitOne => {
  const commit = readCommitOne(bytes);
  if (commit === undefined) throw new Error(`not read: ${Buffer.from(bytes).toString()}`);
  return commit;
};

describe('a commit that is written in format 1', () => {
  it('is read by the release before, and says the same to it', () => {
    let refused = 0;
    let read = 0;
    fc.assert(
      fc.property(anyCommit, (commit) => {
        const bytes = written(commit);
        if (bytes === undefined) {
          refused += 1;
          return;
        }
        read += 1;
        const { v, epoch, batch, atMs, events } = mustRead(bytes);
        expect(commit).toMatchObject({ v, epoch, batch, atMs });
        expect(events.map(withoutFormat).map(saidBy)).toEqual(commit.events.map(withoutFormat).map(saidBy));
      }),
      { numRuns: 500 },
    );
    // A writer that refuses everything would prove nothing.
    expect(Math.min(read, refused)).toBeGreaterThan(50);
  });

  it('brings the release before into the state that this one is in', () => {
    fc.assert(
      fc.property(history, (commits) => {
        const messages = commits.map(encodeCommit);
        const before = foldOne(messages.map(mustRead));
        const now = foldNow(commits);
        expect(before).toEqual(new Map([...now].map(([id, state]) => [id, stateOneOf(state)])));
      }),
    );
  });

  it('is refused where a job has what the release before would drop', () => {
    const job = fc.sample(history, 20).flatMap((commits) => commits.flatMap(({ events }) => events));
    const accepted = job.find((event) => event.kind === 'accepted');
    if (accepted?.kind !== 'accepted') throw new Error('no history accepted a job');
    const commit: Commit = { v: 1, epoch: 1, batch: 1, atMs: 1, projected: 0, events: [] };
    for (const extras of [
      { runAtMs: 1 },
      { deadlineAtMs: 1 },
      { idempotency: { key: 'k', hash: 'h' } },
      { retry: { on: [], baseMs: 1, capMs: 1 } },
      { redriveOf: accepted.job.id },
    ]) {
      const events = [{ ...accepted, job: { ...accepted.job, extras } }];
      expect(() => encodeCommit({ ...commit, events }), Object.keys(extras)[0]).toThrow(/format 1/);
    }
  });
});

describe('a commit of the release before', () => {
  it('brings this release into the state that the one before was in', () => {
    fc.assert(
      fc.property(history, (commits) => {
        const old = commits.map(encodeCommit).map(mustRead);
        const read = old.map(writeCommitOne).map((bytes) => {
          const parsed = decodeCommit(bytes);
          if (!parsed.ok) throw new Error(parsed.reason);
          return parsed.value;
        });
        // It says of nobody that anything is projected, and of a leader that it reads nothing newer.
        expect(read.every(({ v, projected }) => v === 1 && projected === 0)).toBe(true);
        for (const { events } of read)
          for (const event of events) if (event.kind === 'elected') expect(event.format).toBe(1);
        const now = [...foldNow(read)].map(([id, state]) => [id, stateOneOf(state)] as const);
        expect(new Map(now)).toEqual(foldOne(old));
      }),
    );
  });
});
