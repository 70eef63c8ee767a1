/** Holds the frozen reader and fold of format 1 against the release that they stand for. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { encodeCommit, encodeOutcomes } from '@zerofleet/protocol';
import { expect } from 'vitest';
import { anyEvent, oldRecord } from './format-one/arbitrary.js';
import { FoldOne } from './format-one/fold.js';
import { history } from './format-one/history.js';
import { readCommitOne, readOutcomeOne, type CommitOne } from './format-one/reader.js';

const RUNS = 1_000;

type Read = (bytes: Uint8Array) => { readonly ok: true; readonly value: unknown } | { readonly ok: false };

/** What is used of the release before. */
interface Before {
  readonly decodeCommit: Read;
  readonly decodeOutcomeRecord: Read;
  readonly ShardState: new () => {
    readonly epoch: number;
    readonly jobs: ReadonlyMap<string, { readonly envelope: unknown; readonly state: unknown }>;
    replay(commit: unknown, seq: number): void;
  };
}

const load = async (root: string): Promise<Before> => {
  const dist = async (...path: readonly string[]): Promise<object> =>
    (await import(pathToFileURL(join(root, 'packages', ...path)).href)) as object;
  const protocol = await dist('protocol', 'dist', 'index.js');
  const engine = await dist('coordinator', 'dist', 'engine', 'shard-state.js');
  return { ...protocol, ...engine } as Before;
};

/** A change somewhere in a JSON value: which place, and what becomes of it. */
const change = fc.record({
  place: fc.nat(),
  to: fc.oneof(fc.constant(undefined), fc.jsonValue(), fc.constantFrom(-1, 0.5, 'succeeded', 'retry', '')),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const changed = (value: object, { place, to }: Change): object => {
  const places: { readonly holder: Record<string, unknown>; readonly name: string }[] = [];
  const visit = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null) return;
    for (const [name, inner] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, name });
      visit(inner);
    }
  };
  visit(value);
  const chosen = places[place % places.length];
  if (chosen !== undefined) chosen.holder[chosen.name] = to;
  return value;
};

const valueOf = (result: ReturnType<Read>): unknown => (result.ok ? result.value : undefined);

/** Throws where they differ. Returns how many messages both were given, and how many of these nobody could read. */
export const holdReader = async (
  root: string,
): Promise<{ readonly messages: number; readonly unreadable: number }> => {
  const before = await load(root);
  let messages = 0;
  let unreadable = 0;
  const hold = (value: object, read: Read, frozen: (bytes: Uint8Array) => unknown): void => {
    const bytes = Buffer.from(JSON.stringify(value));
    const theirs = valueOf(read(bytes));
    expect(frozen(bytes), bytes.toString()).toEqual(theirs);
    messages += 1;
    if (theirs === undefined) unreadable += 1;
  };
  const parsed = (bytes: Uint8Array): object => JSON.parse(Buffer.from(bytes).toString()) as object;
  const changes = fc.array(change, { maxLength: 1 });
  const runs = { numRuns: RUNS };

  fc.assert(
    fc.property(history, changes, (commits, made) => {
      for (const commit of commits)
        hold(made.reduce(changed, parsed(encodeCommit(commit))), before.decodeCommit, readCommitOne);
    }),
    runs,
  );
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 2 }), (events) => {
      hold({ v: 1, epoch: 1, batch: 1, atMs: 1, events }, before.decodeCommit, readCommitOne);
    }),
    runs,
  );
  fc.assert(
    fc.property(oldRecord, changes, (record, made) => {
      const [bytes] = encodeOutcomes({ ledgerSeq: 1, outcomes: [record] }, 1);
      const value = made.reduce(changed, parsed(bytes as Uint8Array));
      hold(value, before.decodeOutcomeRecord, readOutcomeOne);
    }),
    runs,
  );
  fc.assert(
    fc.property(history, (commits) => {
      const fold = new FoldOne();
      const state = new before.ShardState();
      for (const [index, commit] of commits.entries()) {
        const one = readCommitOne(encodeCommit(commit)) as CommitOne;
        fold.replay(one);
        state.replay(one, index + 1);
      }
      const theirs = [...state.jobs].map(([id, { envelope, state: of }]) => [id, { envelope, state: of }]);
      expect([...fold.jobs]).toEqual(theirs);
      expect(fold.epoch).toBe(state.epoch);
    }),
    runs,
  );
  return { messages, unreadable };
};
