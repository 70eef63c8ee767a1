/**
 * Dead letters: jobs that failed for good, one subject a job, kept as long as outcomes are.
 *
 * D1  A burial repeated within the stream's duplicate window (2 min) changes nothing, also when the letter was removed
 *     in between: a redriven job does not come back.
 * D2  A read names the tenant in its subject (I11).
 */
import { jetstream, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { JobId, TenantId } from '@zerofleet/model';
import { decodeDeadLetter, encodeDeadLetter, type DeadLetter, type ShardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';

const PUBLISH_TIMEOUT_MS = 5_000;
/** Status of a batch that finds no message. */
const NO_MESSAGE = 404;
/** Bytes of a page, about, at most. */
const PAGE_BYTES = 4_194_304;
/** Letters of a page, at most. */
export const DEAD_PAGE_MAX = 100;

/** Some letters, oldest first. */
export interface DeadPage {
  readonly letters: readonly DeadLetter[];
  /** Where the next page begins; null after the last one. */
  readonly next: number | null;
}

export class DeadLetters {
  private readonly client: JetStreamClient;
  private readonly manager: JetStreamManager;
  private readonly names: ShardNames;

  constructor(connection: NatsConnection, manager: JetStreamManager, names: ShardNames) {
    this.client = jetstream(connection, { timeout: PUBLISH_TIMEOUT_MS });
    this.manager = manager;
    this.names = names;
  }

  /** Resolves once the letter is acknowledged. Throws on broken IO; repeats are harmless (D1). */
  async bury(letter: DeadLetter): Promise<void> {
    const { tenant, id } = letter.job;
    const bytes = encodeDeadLetter(letter);
    await this.client.publish(this.names.dead(tenant, id), bytes, { timeout: PUBLISH_TIMEOUT_MS, msgID: id });
  }

  /** A page of a tenant's letters; `after` is the `next` of the page before, or 0. Throws on broken IO. */
  async list(tenant: TenantId, page: { readonly limit: number; readonly after: number }): Promise<DeadPage> {
    const letters: DeadLetter[] = [];
    let next: number | null = null;
    const found = await this.manager.direct.getBatch(this.names.deadStream, {
      seq: page.after + 1,
      next_by_subj: this.names.deadOf(tenant),
      batch: Math.min(page.limit, DEAD_PAGE_MAX),
      max_bytes: PAGE_BYTES,
    });
    try {
      for await (const message of found) {
        letters.push(letterOf(message.data));
        next = message.pending > 0 ? message.seq : null;
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== NO_MESSAGE) throw error;
    }
    return { letters, next };
  }

  /** Undefined when there is none such of this tenant. Throws on broken IO. */
  async get(tenant: TenantId, id: JobId): Promise<DeadLetter | undefined> {
    const subject = this.names.dead(tenant, id);
    const message = await this.manager.streams.getMessage(this.names.deadStream, { last_by_subj: subject });
    return message === null ? undefined : letterOf(message.data);
  }

  /** Repeats are harmless. Throws on broken IO. */
  async remove(tenant: TenantId, id: JobId): Promise<void> {
    await this.manager.streams.purge(this.names.deadStream, { filter: this.names.dead(tenant, id) });
  }
}

const letterOf = (bytes: Uint8Array): DeadLetter => {
  const parsed = decodeDeadLetter(bytes);
  if (!parsed.ok) throw new Error(`a dead letter cannot be read by this release: ${parsed.reason}`);
  return parsed.value;
};
