/**
 * Tells the leader how attempts ended. What ends in one turn of the event loop goes out in one message, where the leader
 * reads such messages.
 *
 * D1  An end is confirmed only by a reply to a message that told of it; silence and what cannot be read reject.
 * D2  A message stays below the server's largest payload.
 * D3  What one leader was told and did not answer is to be told again as soon as another one speaks: it will not answer.
 */
import { RUN_BATCH_MAX, RUN_BYTES_MAX, type BootId, type Epoch, type WorkerId } from '@zerofleet/model';
import {
  encodeDone,
  formFor,
  parseDoneReply,
  type Ended,
  type ShardNames,
  type WireForm,
} from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';

const DONE_TIMEOUT_MS = 5_000;

export interface DoneLineOptions {
  readonly connection: Pick<NatsConnection, 'request'>;
  readonly names: ShardNames;
  readonly worker: WorkerId;
  readonly boot: BootId;
}

interface Waiting {
  readonly ended: Ended;
  readonly bytes: number;
  readonly resolve: (reply: 'confirmed' | 'retry') => void;
  readonly reject: (error: Error) => void;
}

export class DoneLine {
  private readonly options: DoneLineOptions;
  /** What the leader that spoke last reads. */
  private form: WireForm = formFor(undefined);
  private epoch: Epoch = 0;
  private waiting: Waiting[] = [];
  private readonly inFlight = new Set<readonly Waiting[]>();
  private scheduled = false;

  constructor(options: DoneLineOptions) {
    this.options = options;
  }

  /** A leader spoke, and has said or shown what it reads. */
  leaderSpoke(epoch: Epoch, form: WireForm): void {
    this.form = form;
    if (epoch <= this.epoch) return;
    this.epoch = epoch;
    for (const batch of this.inFlight) for (const { resolve } of batch) resolve('retry');
  }

  /** Tells of an end; `epoch` is the highest that the worker has seen. Rejects when no answer came. */
  tell(epoch: Epoch, ended: Ended): Promise<'confirmed' | 'retry'> {
    this.epoch = Math.max(this.epoch, epoch);
    return new Promise((resolve, reject) => {
      const bytes = Buffer.byteLength(JSON.stringify(ended.end));
      this.waiting.push({ ended, bytes, resolve, reject });
      if (this.scheduled) return;
      this.scheduled = true;
      setImmediate(() => this.flush());
    });
  }

  private flush(): void {
    this.scheduled = false;
    while (this.waiting.length > 0) void this.send(this.takeBatch());
  }

  private takeBatch(): readonly Waiting[] {
    if (this.form === 1) return this.waiting.splice(0, 1);
    let count = 0;
    let bytes = 0;
    for (const one of this.waiting) {
      bytes += one.bytes;
      if (count === RUN_BATCH_MAX || (count > 0 && bytes > RUN_BYTES_MAX)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    this.inFlight.add(batch);
    try {
      const retry = await this.ask(batch.map(({ ended }) => ended));
      batch.forEach(({ resolve }, place) => resolve(retry.includes(place) ? 'retry' : 'confirmed'));
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of batch) reject(reason);
    } finally {
      this.inFlight.delete(batch);
    }
  }

  private async ask(ends: readonly Ended[]): Promise<readonly number[]> {
    const { connection, names, worker, boot } = this.options;
    const [message] = encodeDone({ epoch: this.epoch, worker, boot, ends }, this.form);
    const answer = await connection.request(names.done, message, { timeout: DONE_TIMEOUT_MS });
    const reply = parseDoneReply(answer.data, ends.length);
    if (!reply.ok) throw new Error(`malformed reply to done: ${reply.reason}`);
    return reply.value.retry;
  }
}
