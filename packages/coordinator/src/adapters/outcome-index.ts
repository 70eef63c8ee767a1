/**
 * The index of the outcomes stream in Redis: where the outcome of a job stands, and which job an idempotency key is of.
 *
 * X1  The marker says up to which stream sequence everything is indexed. One script writes the entries of some messages
 *     and moves the marker over them, and does so only from the marker that its indexer saw. So what the marker says is
 *     true whoever wrote it: after a FLUSHALL it is gone, and of two indexers the slower one is refused and looks again.
 * X2  The marker names the stream it is of: made when, kept for how long. An index of another life of the stream, or with
 *     entries that go before their messages do, is no index: it is built again from the first message.
 * X3  A look reads entry and marker in one transaction. "None" is said only where the marker has reached the end of the
 *     stream as it was asked for after the look began: whatever was projected before is then indexed or not there.
 * X4  Nothing but looks waits for the index. Redis must refuse rather than evict (`noeviction`): an evicted entry below
 *     the marker would be a wrong "none".
 * X5  Entries go a little after their messages do, keys at the latest with theirs: the index can always be rebuilt.
 */
import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { jetstream, type JetStreamClient, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import type { JobId, ShardId, TenantId } from '@zerofleet/model';
import { decodeOutcomes, type OutcomeBatch, type OutcomeRecord, type ShardNames } from '@zerofleet/protocol';
import {
  pause,
  type Clock,
  type Logger,
  type NatsConnection,
  type Redis,
  type Service,
} from '@zerofleet/runtime';
import { followStream, readStream } from './streams.js';

/** How long an idempotency key is remembered after its job ended, in ms. */
const KEY_MS = 86_400_000;
/** Entries outlive their messages by this, in s (X5). */
const ENTRY_MARGIN_S = 60;
/** Stands for "for ever" where the stream has no age limit, in ms. */
const NO_AGE_MS = 36_500 * 86_400_000;
const NANOS_PER_MS = 1_000_000;
/** Scripts under way, at most. */
const IN_FLIGHT_MAX = 8;
/** How often an indexer makes sure that the index is still what it made, in ms. */
const CHECK_MS = 500;
/** Pause after trouble, in ms. */
const RETRY_MS = 250;
/** How long a look waits for an indexer that is close behind, and how often it looks again, in ms. */
const LOOK_WAIT_MS = 500;
const LOOK_AGAIN_MS = 10;
/** An index that is further behind is being rebuilt: not worth waiting for. */
const CLOSE_BEHIND = 2_000;

/** KEYS: marker, entries. ARGV: the marker expected ('' for none), the new one, value and seconds of each entry. */
const WRITE = `if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[2 * i - 1], 'EX', ARGV[2 * i]) end
redis.call('SET', KEYS[1], ARGV[2])
return 1`;

/** The end of the outcomes stream, and which life of it this is (X2). */
export interface StreamEnd {
  readonly lastSeq: number;
  readonly generation: string;
  readonly maxAgeMs: number;
}

/** Asks for the end of the outcomes stream; whoever asks gets what was true after asking. */
export class StreamEnds {
  private readonly manager: JetStreamManager;
  private readonly stream: string;
  private asking: Promise<StreamEnd> | undefined;
  private next: Promise<StreamEnd> | undefined;

  constructor(manager: JetStreamManager, stream: string) {
    this.manager = manager;
    this.stream = stream;
  }

  /** One request for all who ask while the one before is under way. Throws on broken IO. */
  ask(): Promise<StreamEnd> {
    if (this.asking !== undefined) {
      this.next ??= this.asking
        .catch(() => undefined)
        .then(() => {
          this.next = undefined;
          return this.ask();
        });
      return this.next;
    }
    this.asking = this.load().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async load(): Promise<StreamEnd> {
    const { state, config, created } = await this.manager.streams.info(this.stream);
    const maxAgeMs = config.max_age / NANOS_PER_MS || NO_AGE_MS;
    return { lastSeq: state.last_seq, generation: `${created}/${maxAgeMs}`, maxAgeMs };
  }
}

interface Marker {
  readonly seq: number;
  readonly generation: string;
}

const textOf = ({ seq, generation }: Marker): string => `${seq} ${generation}`;
const markerIn = (text: string | null): Marker | undefined => {
  const space = text?.indexOf(' ') ?? -1;
  if (text === null || space < 1) return undefined;
  return { seq: Number(text.slice(0, space)), generation: text.slice(space + 1) };
};

/** What a look found: the entry's value, or whether its absence means anything (X3). */
export type Look = { readonly entry: string } | { readonly entry: undefined; readonly complete: boolean };

/** Names in Redis of a shard's index. */
export const indexKeys = (shard: ShardId) => ({
  marker: `zf:${shard}:index`,
  job: (id: JobId): string => `zf:${shard}:job:${id}`,
  key: (tenant: TenantId, key: string): string =>
    `zf:${shard}:key:${tenant}:${hash('sha256', key, 'base64url')}`,
});

/** The reading side. */
export class OutcomeIndex {
  readonly keys: ReturnType<typeof indexKeys>;
  private readonly redis: Redis;
  private readonly ends: StreamEnds;
  private readonly clock: Clock;

  constructor(options: {
    readonly shard: ShardId;
    readonly redis: Redis;
    readonly ends: StreamEnds;
    readonly clock: Clock;
  }) {
    this.keys = indexKeys(options.shard);
    this.redis = options.redis;
    this.ends = options.ends;
    this.clock = options.clock;
  }

  /** The entry as it stands, or undefined; also while Redis is away. */
  async peek(name: string): Promise<string | undefined> {
    return (await this.redis.get(name).catch(() => null)) ?? undefined;
  }

  /**
   * The entry, or whether there is none; waits a little for an indexer that is close behind. Throws when NATS is away and there
   * is no entry.
   */
  async look(name: string): Promise<Look> {
    // Both at once: what was read before the end is known may say too little of the index, and never too much.
    const ending = this.ends.ask();
    ending.catch(() => undefined);
    let found = await this.read(name);
    const untilMs = this.clock.nowMs() + LOOK_WAIT_MS;
    for (let waits = false; ; waits = true) {
      if (found === undefined) return { entry: undefined, complete: false };
      const { entry, marker } = found;
      if (entry !== null) return { entry };
      const end = await ending;
      const seq = marker?.generation === end.generation ? marker.seq : undefined;
      if (seq !== undefined && seq >= end.lastSeq) return { entry: undefined, complete: true };
      const far = end.lastSeq - (seq ?? 0) > CLOSE_BEHIND;
      if (far || this.clock.nowMs() >= untilMs) return { entry: undefined, complete: false };
      if (waits) await pause(this.clock, LOOK_AGAIN_MS);
      found = await this.read(name);
    }
  }

  /** Undefined while Redis is away. */
  private async read(
    name: string,
  ): Promise<{ readonly entry: string | null; readonly marker: Marker | undefined } | undefined> {
    const replies = await this.redis
      .multi()
      .get(name)
      .get(this.keys.marker)
      .exec()
      .catch(() => null);
    const [entry, marker] = replies ?? [];
    if (entry === undefined || marker === undefined || entry[0] !== null || marker[0] !== null)
      return undefined;
    return { entry: entry[1] as string | null, marker: markerIn(marker[1] as string | null) };
  }
}

export interface OutcomeIndexerOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: ShardNames;
  readonly shard: ShardId;
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Logger;
  /** The outcomes of a commit, where they are at hand. */
  readonly kept: (ledgerSeq: number) => OutcomeBatch | undefined;
}

/**
 * Keeps the index behind the stream. The leader's replica runs one; two do no harm (X1). What this process projected itself is
 * not read back: the stream only says that it is there, and in which order.
 */
export class OutcomeIndexer implements Service {
  private readonly options: OutcomeIndexerOptions;
  private readonly client: JetStreamClient;
  private readonly ends: StreamEnds;
  private readonly keys: ReturnType<typeof indexKeys>;
  private stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private reason = '';

  constructor(options: OutcomeIndexerOptions) {
    this.options = options;
    this.client = jetstream(options.connection);
    this.ends = new StreamEnds(options.manager, options.names.outcomesStream);
    this.keys = indexKeys(options.shard);
  }

  start(): Promise<void> {
    this.stopping = new AbortController();
    this.running = this.run(this.stopping.signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Why the index does not move just now; empty when it does. */
  get trouble(): string {
    return this.reason;
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.round(signal);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== this.reason) this.options.log.warn({ reason }, 'outcome_index_begins_again');
        this.reason = reason;
        await pause(this.options.clock, RETRY_MS, signal);
      }
    }
  }

  /** Indexes on from where the index is, until it is stopped; throws at trouble. */
  private async round(signal: AbortSignal): Promise<void> {
    const { clock, names } = this.options;
    const end = await this.ends.ask();
    const writer = new IndexWriter(
      this.options,
      this.keys,
      end,
      await this.options.redis.get(this.keys.marker),
    );
    const stream = names.outcomesStream;
    await readStream(this.client, this.options.manager, stream, writer.seq + 1, (message) => {
      signal.throwIfAborted();
      return writer.add(message, message.data);
    });
    const broken = new AbortController();
    let reason = '';
    const unfollow = await followStream(
      this.client,
      stream,
      writer.seq + 1,
      (message) => writer.follow(message),
      (why) => {
        reason = why;
        broken.abort();
      },
      { headers_only: true },
    );
    try {
      while (!signal.aborted) {
        await this.check(writer);
        this.reason = '';
        await pause(clock, CHECK_MS, AbortSignal.any([signal, broken.signal]));
        if (broken.signal.aborted) throw new Error(reason);
      }
    } finally {
      unfollow();
    }
  }

  /** Sees a flush while no outcomes come, and moves the marker over an end of the stream that holds no message. */
  private async check(writer: IndexWriter): Promise<void> {
    const { manager, names } = this.options;
    const end = await this.ends.ask();
    if (end.generation !== writer.generation) throw new Error('the outcomes stream is another one');
    const { seq } = writer;
    if (seq < end.lastSeq) {
      const query = { seq: seq + 1, next_by_subj: names.outcomesAll };
      const message = await manager.streams.getMessage(names.outcomesStream, query);
      if ((message === null || message.seq > end.lastSeq) && writer.seq === seq) writer.skipTo(end.lastSeq);
    }
    await writer.verify();
  }
}

/** The writing side of one round: a chain of scripts, each of which expects the marker of the one before. */
class IndexWriter {
  readonly generation: string;
  /** Everything up to here is indexed once the scripts under way are through. */
  seq: number;
  private readonly options: OutcomeIndexerOptions;
  private readonly keys: ReturnType<typeof indexKeys>;
  private readonly maxAgeMs: number;
  private expected: string;
  private inFlight: Promise<void>[] = [];

  constructor(
    options: OutcomeIndexerOptions,
    keys: ReturnType<typeof indexKeys>,
    end: StreamEnd,
    markerText: string | null,
  ) {
    this.options = options;
    this.keys = keys;
    this.generation = end.generation;
    this.maxAgeMs = end.maxAgeMs;
    this.expected = markerText ?? '';
    const marker = markerIn(markerText);
    const usable = marker?.generation === end.generation && marker.seq <= end.lastSeq;
    this.seq = usable ? marker.seq : 0;
    // A marker of another life, or beyond the end of a stream that was restored, must not be believed meanwhile; and of an
    // empty stream everything is indexed.
    if (!usable) this.write(0, []);
  }

  /** Indexes a message that was read without its body. Throws as below. */
  async follow(message: JsMsg): Promise<void> {
    const { manager, names, kept } = this.options;
    const batch = kept(Number(message.subject.slice(names.outcomes(0).length - 1)));
    if (batch !== undefined && message.subject === names.outcomes(batch.ledgerSeq))
      return this.addBatch(message, batch);
    const whole = await manager.streams.getMessage(names.outcomesStream, { seq: message.seq });
    // Gone: a newer message of the same subject stands further on.
    if (whole !== null) await this.add(message, whole.data);
    else this.write(message.seq, []);
  }

  /** Indexes a message with this body; throws when the index is not what this chain made of it. */
  async add(message: JsMsg, body: Uint8Array): Promise<void> {
    const parsed = decodeOutcomes(body);
    if (!parsed.ok) throw new Error(`outcomes at ${message.seq} cannot be read: ${parsed.reason}`);
    await this.addBatch(message, parsed.value);
  }

  private async addBatch(message: JsMsg, { ledgerSeq, outcomes }: OutcomeBatch): Promise<void> {
    const wholeCommit = message.subject === this.options.names.outcomes(ledgerSeq);
    const goneMs = message.time.getTime() + this.maxAgeMs - this.options.clock.wallMs();
    const entries: Entry[] = [];
    outcomes.forEach((record, place) => {
      const { id, tenant } = record.job;
      // A message of a job's own is found by its subject.
      if (wholeCommit)
        entries.push({
          name: this.keys.job(id),
          value: `${ledgerSeq}:${place}:${tenant}`,
          seconds: Math.ceil(goneMs / 1_000) + ENTRY_MARGIN_S,
        });
      this.addKey(entries, record, goneMs);
    });
    this.write(message.seq, entries);
    if (this.inFlight.length >= IN_FLIGHT_MAX) await this.inFlight[0];
    // Reading on from what is buffered would keep everything else in this process waiting.
    await turn();
  }

  /** Moves the marker over sequences that hold no message. */
  skipTo(seq: number): void {
    this.write(seq, []);
  }

  /** Throws when the marker is not the one that this chain wrote last. */
  async verify(): Promise<void> {
    await Promise.all(this.inFlight);
    const { expected } = this;
    const found = (await this.options.redis.get(this.keys.marker)) ?? '';
    if (found !== expected && this.expected === expected) throw new Error('the index was changed or lost');
  }

  private addKey(entries: Entry[], record: OutcomeRecord, goneMs: number): void {
    const { id, tenant, extras } = record.job;
    if (extras?.idempotency === undefined) return;
    const { key, hash } = extras.idempotency;
    const restMs = Math.min(record.finishedAtMs + KEY_MS - this.options.clock.wallMs(), goneMs);
    const entry = { name: this.keys.key(tenant, key), value: `${id}:${hash}` };
    entries.push({ ...entry, seconds: Math.ceil(restMs / 1_000) });
  }

  private write(seq: number, entries: readonly Entry[]): void {
    const live = entries.filter(({ seconds }) => seconds > 0);
    const marker = textOf({ seq, generation: this.generation });
    const names = [this.keys.marker, ...live.map(({ name }) => name)];
    const values = live.flatMap(({ value, seconds }) => [value, seconds]);
    const writing = this.options.redis
      .eval(WRITE, names.length, ...names, this.expected, marker, ...values)
      .then((written) => {
        this.inFlight = this.inFlight.filter((other) => other !== writing);
        if (written !== 1) throw new Error('the index was changed or lost');
      });
    // Whoever awaits it hears of it; the chain behind it is refused in any case.
    writing.catch(() => undefined);
    this.inFlight.push(writing);
    this.expected = marker;
    this.seq = seq;
  }
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly seconds: number;
}
