/**
 * The output of a running attempt, in order and without gaps, for one reader.
 *
 * X1  `next` only grows: a chunk that comes twice is cut or dropped, a gap is filled from the worker's spool.
 * X2  A slow reader costs at most INBOX_BYTES_MAX, and no more work than a look at each message: what overflows is dropped
 *     unread, and fetched again when asked for.
 */
import type { Attempt, JobId, OutputChunk, WorkerId } from '@zerofleet/model';
import {
  chunkEnd,
  chunksFrom,
  encodeJson,
  MESSAGES_VERSION,
  parseOutput,
  parseSpoolReply,
  type ShardNames,
  type SpoolRequest,
} from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import type { OutputFeeds } from './output-feeds.js';

/** Messages that wait to be read, in bytes: one is 256 KiB at most. */
const INBOX_BYTES_MAX = 1024 * 1024;
const SPOOL_TIMEOUT_MS = 1_000;

export class OutputTail {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  readonly job: JobId;
  readonly attempt: Attempt;
  private readonly worker: WorkerId;
  private readonly wake: () => void;
  /** Live messages, unread: parsing is half of what they cost. */
  private inbox: Uint8Array[] = [];
  private inboxBytes = 0;
  /** Whether the spool may hold something between `next` and what is in the inbox. */
  private behind = true;
  private readonly unlisten: () => void;
  /** Offset of the next byte to hand out. */
  next: number;

  /** `wake` is called when there may be something to read. */
  constructor(options: {
    readonly connection: NatsConnection;
    readonly names: ShardNames;
    readonly job: JobId;
    readonly attempt: Attempt;
    readonly worker: WorkerId;
    readonly from: number;
    readonly wake: () => void;
    readonly feeds: OutputFeeds;
  }) {
    this.connection = options.connection;
    this.names = options.names;
    this.job = options.job;
    this.attempt = options.attempt;
    this.worker = options.worker;
    this.wake = options.wake;
    this.next = options.from;
    this.unlisten = options.feeds.listen(this.job, (data) => this.take(data));
  }

  /** What can be had now, possibly nothing. Never throws: a spool that does not answer is asked again next time. */
  async read(): Promise<OutputChunk[]> {
    const live = this.inbox.flatMap((data) => this.chunksIn(data));
    this.clear();
    const [first] = live;
    const gap = this.behind || (first !== undefined && first.offset > this.next);
    const spooled = gap ? await this.fetch() : [];
    return this.inOrder([...spooled, ...live]);
  }

  close(): void {
    this.unlisten();
  }

  private take(data: Uint8Array): void {
    this.inbox.push(data);
    this.inboxBytes += data.byteLength;
    if (this.inboxBytes > INBOX_BYTES_MAX) {
      this.clear();
      this.behind = true;
    }
    this.wake();
  }

  private clear(): void {
    this.inbox = [];
    this.inboxBytes = 0;
  }

  private chunksIn(data: Uint8Array): readonly OutputChunk[] {
    const parsed = parseOutput(data);
    return parsed.ok && parsed.value.attempt === this.attempt ? parsed.value.chunks : [];
  }

  private async fetch(): Promise<readonly OutputChunk[]> {
    const request: SpoolRequest = {
      v: MESSAGES_VERSION,
      id: this.job,
      attempt: this.attempt,
      offset: this.next,
    };
    try {
      const subject = this.names.spool(this.worker);
      const reply = await this.connection.request(subject, encodeJson(request), {
        timeout: SPOOL_TIMEOUT_MS,
      });
      const parsed = parseSpoolReply(reply.data);
      if (!parsed.ok) return [];
      this.behind = parsed.value.more;
      if (parsed.value.more) this.wake();
      return parsed.value.chunks;
    } catch {
      return [];
    }
  }

  /** The run of bytes from `next` on (X1); what lies behind a gap is dropped and fetched later. */
  private inOrder(chunks: readonly OutputChunk[]): OutputChunk[] {
    const run: OutputChunk[] = [];
    for (const chunk of chunks) {
      if (chunk.offset > this.next) {
        this.behind = true;
        this.wake();
        break;
      }
      for (const rest of chunksFrom([chunk], this.next)) {
        run.push(rest);
        this.next = chunkEnd(rest);
      }
    }
    return run;
  }
}
