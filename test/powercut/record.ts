/** What a set of streams says of jobs: read whole and in order, straight from the server that holds them. */
import { readStream } from '@zerofleet/launch';
import type { ShardId } from '@zerofleet/model';
import { decodeCommit, decodeOutcomes, shardNames, type Commit } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';

const NAMES = shardNames('s0' as ShardId);
/** Every stream that holds something of jobs. */
export const STREAMS = [NAMES.ledgerStream, NAMES.outcomesStream] as const;
export const LEDGER = NAMES.ledgerStream;

const NOT_FOUND = 404;
const ASK_MS = 2_000;

/** What a server answers about a stream. */
export interface StreamAnswer {
  readonly error?: { readonly code: number; readonly description: string };
  readonly cluster?: { readonly leader?: string };
}

/** Asks about a stream. Throws when nobody answers. */
export const infoOf = async (connection: NatsConnection, stream: string): Promise<StreamAnswer> =>
  (await connection.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: ASK_MS })).json<StreamAnswer>();

/**
 * Whether a server says for certain what it holds of a stream. A lone one does at once, be it that there is none; of
 * several each may say that there is none until they have elected a leader.
 */
export const isSettled = async (
  connection: NatsConnection,
  stream: string,
  replicated: boolean,
): Promise<boolean> => {
  const answer = await infoOf(connection, stream).catch(() => undefined);
  if (answer?.error === undefined) return answer !== undefined;
  return !replicated && answer.error.code === NOT_FOUND;
};

/** Where a commit stands. */
export interface CommitPlace {
  readonly seq: number;
  readonly epoch: number;
  readonly batch: number;
}

/** Everything about jobs in a ledger and its outcomes. */
export interface JobRecord {
  readonly commits: readonly CommitPlace[];
  /** How often the ledger accepted each job. */
  readonly accepted: ReadonlyMap<string, number>;
  /** How often the ledger ended each job. */
  readonly finished: ReadonlyMap<string, number>;
  /** Jobs that are on record at all: in the ledger, or as an outcome. */
  readonly known: ReadonlySet<string>;
}

/** Reads ledger and outcomes. A stream that is not there holds nothing. Throws when a message cannot be read. */
export const readRecord = async (connection: NatsConnection): Promise<JobRecord> => {
  const commits: CommitPlace[] = [];
  const counts = { accepted: new Map<string, number>(), finished: new Map<string, number>() };
  const known = new Set<string>();
  await read(connection, NAMES.ledgerStream, (bytes, seq) => {
    const { epoch, batch, events } = must(decodeCommit(bytes), `ledger message ${seq}`);
    commits.push({ seq, epoch, batch });
    for (const event of events) note(event, counts, known);
  });
  await read(connection, NAMES.outcomesStream, (bytes, seq) => {
    for (const { job } of must(decodeOutcomes(bytes), `outcomes message ${seq}`).outcomes) known.add(job.id);
  });
  return { commits, ...counts, known };
};

const note = (
  event: Commit['events'][number],
  counts: { accepted: Map<string, number>; finished: Map<string, number> },
  known: Set<string>,
): void => {
  const { kind } = event;
  if (kind === 'accepted' || kind === 'carried') known.add(event.job.id);
  if (kind === 'accepted') count(counts.accepted, event.job.id);
  if (kind === 'finished') count(counts.finished, event.id);
};

const count = (counts: Map<string, number>, id: string): void => {
  counts.set(id, (counts.get(id) ?? 0) + 1);
};

const read = async (
  connection: NatsConnection,
  stream: string,
  take: (bytes: Uint8Array, seq: number) => void,
): Promise<void> => {
  if ((await infoOf(connection, stream)).error?.code !== NOT_FOUND)
    await readStream(connection, stream, take);
};

const must = <T>(
  parsed: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string },
  what: string,
): T => {
  if (!parsed.ok) throw new Error(`${what} cannot be read: ${parsed.reason}`);
  return parsed.value;
};
