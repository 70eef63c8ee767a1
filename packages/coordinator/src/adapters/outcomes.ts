/**
 * Outcomes as tenants read them: the outcomes stream, found by the index in Redis.
 *
 * O1  The stream is a projection of the ledger, newest message of a subject only: writing it twice changes nothing. Format 2
 *     is a message for each commit; format 1, and a batch too large for one message, is a message for each job.
 * O2  Redis is an index (I8): while it is away, behind or lost, what it cannot say is `rebuilding`, never a wrong answer.
 *     A message of a job's own needs no index.
 * O3  A record is handed out only to the tenant it is of; to others the job is not there (I11).
 * O4  "Not there" comes from the stream's leader, never from a replica of it that may lag.
 */
import { jetstream, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { JobId, ShardId, TenantId } from '@zerofleet/model';
import {
  decodeOutcomes,
  encodeOutcomes,
  type DeadLetter,
  type LedgerFormat,
  type OutcomeBatch,
  type OutcomeRecord,
  type ShardNames,
} from '@zerofleet/protocol';
import type { Clock, NatsConnection, Redis } from '@zerofleet/runtime';
import type { KeyLookup, OutcomeLookup, OutcomePort } from '../engine/ports.js';
import type { DeadLetters } from './dead-letters.js';
import { OutcomeIndex, StreamEnds } from './outcome-index.js';

const PUBLISH_TIMEOUT_MS = 5_000;
/** Decoded messages that are kept, at most: by number, and by their bytes as messages. */
const KEPT_MAX = 256;
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** Of a message of the largest payload, what its headers may need. */
const HEADER_BYTES = 4_096;

export interface OutcomeStoreOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: ShardNames;
  readonly shard: ShardId;
  readonly redis: Redis;
  readonly clock: Clock;
  readonly dead: DeadLetters;
}

export class OutcomeStore implements OutcomePort {
  private readonly options: OutcomeStoreOptions;
  private readonly client: JetStreamClient;
  private readonly index: OutcomeIndex;
  private readonly kept = new KeptBatches();

  constructor(options: OutcomeStoreOptions) {
    const { connection, manager, names, shard, redis, clock } = options;
    this.options = options;
    this.client = jetstream(connection, { timeout: PUBLISH_TIMEOUT_MS });
    const ends = new StreamEnds(manager, names.outcomesStream);
    this.index = new OutcomeIndex({ shard, redis, ends, clock });
  }

  async project(batch: OutcomeBatch, format: LedgerFormat): Promise<void> {
    const { names, connection } = this.options;
    const largest = (connection.info?.max_payload ?? 1_048_576) - HEADER_BYTES;
    const messages = encodeOutcomes(batch, format);
    const [whole] = messages;
    if (whole === undefined) return;
    if (format === 2 && whole.byteLength <= largest) {
      // It is committed, so it may be read at once; and it is at hand when the stream says that it is there.
      this.kept.add(batch, whole.byteLength);
      await this.publish(names.outcomes(batch.ledgerSeq), whole);
      return;
    }
    await Promise.all(
      batch.outcomes.map(({ job }, place) => {
        const alone = { ledgerSeq: batch.ledgerSeq, outcomes: batch.outcomes.slice(place, place + 1) };
        const [bytes = new Uint8Array()] = format === 1 ? [messages[place]] : encodeOutcomes(alone, 2);
        return this.publish(names.outcome(job.tenant, job.id), bytes);
      }),
    );
  }

  bury(letter: DeadLetter): Promise<void> {
    return this.options.dead.bury(letter);
  }

  /** The outcomes of a commit, where they are at hand. */
  keptOf(ledgerSeq: number): OutcomeBatch | undefined {
    return this.kept.get(ledgerSeq);
  }

  async find(tenant: TenantId, id: JobId): Promise<OutcomeLookup> {
    const name = this.index.keys.job(id);
    const record =
      this.kept.recordOf(id) ??
      (await this.indexed(await this.index.peek(name), id)) ??
      (await this.alone(tenant, id));
    if (record !== undefined) return seenBy(tenant, record);
    const look = await this.index.look(name);
    if (look.entry === undefined) return { kind: look.complete ? 'none' : 'rebuilding' };
    const found = await this.indexed(look.entry, id);
    return found === undefined ? { kind: 'none' } : seenBy(tenant, found);
  }

  async findKey(tenant: TenantId, key: string): Promise<KeyLookup> {
    const name = this.index.keys.key(tenant, key);
    const look = await this.index.look(name);
    if (look.entry === undefined) return { kind: look.complete ? 'none' : 'rebuilding' };
    const colon = look.entry.indexOf(':');
    return { kind: 'found', id: look.entry.slice(0, colon) as JobId, hash: look.entry.slice(colon + 1) };
  }

  private async publish(subject: string, bytes: Uint8Array): Promise<void> {
    await this.client.publish(subject, bytes, { timeout: PUBLISH_TIMEOUT_MS });
  }

  /** The record that an entry of the index points to; undefined when its message is gone or is of other jobs. */
  private async indexed(entry: string | undefined, id: JobId): Promise<OutcomeRecord | undefined> {
    if (entry === undefined) return undefined;
    const [ledgerSeq, place] = entry.split(':').map(Number);
    if (ledgerSeq === undefined || place === undefined) return undefined;
    const kept = this.kept.get(ledgerSeq) ?? (await this.load(this.options.names.outcomes(ledgerSeq), true));
    const record = kept?.outcomes[place];
    // A batch that was projected again may have another order than the one that was indexed.
    return record?.job.id === id ? record : kept?.outcomes.find(({ job }) => job.id === id);
  }

  private async alone(tenant: TenantId, id: JobId): Promise<OutcomeRecord | undefined> {
    const batch = await this.load(this.options.names.outcome(tenant, id), false);
    return batch?.outcomes[0];
  }

  private async load(subject: string, keep: boolean): Promise<OutcomeBatch | undefined> {
    const { manager, names } = this.options;
    const query = { last_by_subj: subject };
    const message =
      (await manager.direct.getMessage(names.outcomesStream, query)) ??
      (await manager.streams.getMessage(names.outcomesStream, query));
    if (message === null) return undefined;
    const parsed = decodeOutcomes(message.data);
    if (!parsed.ok)
      throw new Error(`outcomes at ${subject} cannot be read by this release: ${parsed.reason}`);
    if (keep) this.kept.add(parsed.value, message.data.byteLength);
    return parsed.value;
  }
}

const seenBy = (tenant: TenantId, record: OutcomeRecord): OutcomeLookup =>
  record.job.tenant === tenant ? { kind: 'found', record } : { kind: 'none' };

/** A generation of kept batches, by their ledger sequence and by their jobs. */
class Generation {
  readonly batches = new Map<number, OutcomeBatch>();
  readonly records = new Map<JobId, OutcomeRecord>();
  bytes = 0;

  get isFull(): boolean {
    return this.batches.size >= KEPT_MAX / 2 || this.bytes >= KEPT_BYTES_MAX / 2;
  }

  add(batch: OutcomeBatch, bytes: number): void {
    this.batches.set(batch.ledgerSeq, batch);
    this.bytes += bytes;
    for (const record of batch.outcomes) this.records.set(record.job.id, record);
  }
}

/** The batches used last. They are forgotten a generation at a time, which costs nothing. */
class KeptBatches {
  private newer = new Generation();
  private older = new Generation();

  get(ledgerSeq: number): OutcomeBatch | undefined {
    return this.newer.batches.get(ledgerSeq) ?? this.older.batches.get(ledgerSeq);
  }

  recordOf(id: JobId): OutcomeRecord | undefined {
    return this.newer.records.get(id) ?? this.older.records.get(id);
  }

  add(batch: OutcomeBatch, bytes: number): void {
    if (this.newer.isFull) {
      this.older = this.newer;
      this.newer = new Generation();
    }
    this.newer.add(batch, bytes);
  }
}
