/** Refusals told between gateways, over Redis publish and subscribe. Best effort: a broken connection loses notes, no more. */
import { PROBLEMS, type ProblemCode, type ShardId } from '@zerofleet/model';
import { jsonParser, TenantIdShape } from '@zerofleet/protocol';
import type { Redis } from '@zerofleet/runtime';
import { Type } from 'typebox';
import type { ShedLine, ShedNote } from '../gateway/shedding.js';

const parse = jsonParser(
  Type.Object({
    from: Type.String(),
    tenant: TenantIdShape,
    why: Type.Unsafe<ProblemCode>(Type.Union(Object.keys(PROBLEMS).map((code) => Type.Literal(code)))),
    retryAfterMs: Type.Integer({ minimum: 0 }),
  }),
);

export class RedisShedLine implements ShedLine {
  private redis: Redis | undefined;
  private listener: Redis | undefined;
  private hear: (note: ShedNote) => void = () => undefined;
  private readonly channel: string;
  private readonly from: string;

  /** `from` names this process. */
  constructor(shard: ShardId, from: string) {
    this.channel = `zf:${shard}:shed`;
    this.from = from;
  }

  connect(redis: Redis): void {
    this.redis = redis;
    // A connection that subscribes takes no other commands; it subscribes again by itself when it comes back.
    this.listener = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
    this.listener.on('error', () => undefined);
    this.listener.on('message', (_channel: string, text: string) => {
      const note = parse(Buffer.from(text));
      if (note.ok && note.value.from !== this.from) this.hear(note.value);
    });
    this.listener.subscribe(this.channel).catch(() => undefined);
  }

  publish(note: ShedNote): void {
    this.redis?.publish(this.channel, JSON.stringify({ from: this.from, ...note })).catch(() => undefined);
  }

  listen(hear: (note: ShedNote) => void): void {
    this.hear = hear;
  }

  close(): void {
    this.listener?.disconnect();
  }
}
