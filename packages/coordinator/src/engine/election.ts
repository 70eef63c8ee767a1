/**
 * How a reign begins: read the ledger, append `elected` behind what was read, or read on and try again.
 *
 * The append is fenced by the sequence alone: nothing else of this replica is in flight, so whoever stands there is
 * somebody else, and has been elected first.
 */
import type { JobId } from '@zerofleet/model';
import { decodeCommit, encodeCommit, LEDGER_VERSION, type Commit } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import { commitId } from './commit-pipeline.js';
import type { LedgerPort } from './ports.js';
import type { ShardState } from './shard-state.js';

/** Tries to be elected before this replica gives up and says so. */
const TRIES_MAX = 20;
/** Pause between two tries, in ms. */
const RETRY_MS = 250;

export interface ElectionOptions {
  readonly ledger: LedgerPort;
  readonly clock: Clock;
  /** Unique to this life of this replica. */
  readonly leader: string;
  /** Empty at first; the fold of the ledger up to this replica's `elected` afterwards. */
  readonly state: ShardState;
  /** A job of the ledger that has ended, with the sequence of its end. */
  readonly onFinished: (id: JobId, seq: number) => void;
}

/** Resolves to the sequence of this replica's `elected`. Throws when the ledger cannot be read or understood. */
export const elect = async (options: ElectionOptions): Promise<number> => {
  const { ledger, clock, leader, state } = options;
  let tail = 0;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    tail = await ledger.read(tail + 1, (seq, bytes) => replay(options, seq, bytes));
    const epoch = state.epoch + 1;
    const commit: Commit = {
      v: LEDGER_VERSION,
      epoch,
      batch: 0,
      atMs: clock.wallMs(),
      events: [{ kind: 'elected', epoch, leader }],
    };
    const fence = { lastSeq: tail, lastId: null };
    const result = await ledger.append(encodeCommit(commit), commitId(epoch, leader, 0), fence);
    if (result.kind === 'stored') {
      state.epoch = epoch;
      return result.seq;
    }
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
  throw new Error(`not elected in ${TRIES_MAX} tries: another replica keeps appending to the ledger`);
};

const replay = ({ state, onFinished }: ElectionOptions, seq: number, bytes: Uint8Array): void => {
  const commit = decodeCommit(bytes);
  if (!commit.ok) throw new Error(`ledger message ${seq} cannot be read by this release: ${commit.reason}`);
  state.replay(commit.value, seq);
  for (const event of commit.value.events) if (event.kind === 'finished') onFinished(event.id, seq);
};
