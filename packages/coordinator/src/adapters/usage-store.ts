/**
 * Notes of what tenants use, in a key-value bucket: one key a page.
 *
 * N1  A page is replaced by one of a later sequence only: a leader that was deposed and does not know it changes nothing.
 */
import { Kvm, type KV } from '@nats-io/kv';
import { encodeJson, parseUsagePage, type ShardNames, type UsagePage } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import type { UsagePort } from '../engine/ports.js';

export class UsageStore implements UsagePort {
  private readonly kv: KV;
  /** Revision of each page as this process read or wrote it last. */
  private readonly revisions = new Map<string, number>();

  private constructor(kv: KV) {
    this.kv = kv;
  }

  /** Makes the bucket. Throws on broken IO. */
  static async open(connection: NatsConnection, names: ShardNames, replicas: number): Promise<UsageStore> {
    return new UsageStore(await new Kvm(connection).create(names.usage, { history: 1, replicas }));
  }

  async load(): Promise<readonly UsagePage[]> {
    const pages: UsagePage[] = [];
    for await (const key of await this.kv.keys()) {
      const entry = await this.kv.get(key);
      if (entry === null) continue;
      const page = parseUsagePage(entry.value);
      if (!page.ok) throw new Error(`usage page ${key} cannot be read by this release: ${page.reason}`);
      this.revisions.set(key, entry.revision);
      pages.push(page.value);
    }
    return pages;
  }

  async save(page: UsagePage): Promise<void> {
    const key = keyOf(page);
    try {
      await this.replace(key, page, this.revisions.get(key));
    } catch {
      // Another process wrote it, or the answer was lost: what stands there decides, by its sequence.
      const there = await this.kv.get(key);
      const known = there === null ? undefined : parseUsagePage(there.value);
      if (known?.ok === true && known.value.seq > page.seq)
        throw new Error(`${key} was noted by a later leader`);
      await this.replace(key, page, there?.revision);
    }
  }

  private async replace(key: string, page: UsagePage, revision: number | undefined): Promise<void> {
    const bytes = encodeJson(page);
    const { kv } = this;
    const stored = await (revision === undefined ? kv.create(key, bytes) : kv.update(key, bytes, revision));
    this.revisions.set(key, stored);
  }
}

const keyOf = ({ page }: UsagePage): string => `page.${page}`;
