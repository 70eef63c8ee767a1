/**
 * Idempotency keys: whether a submission was made before, by a tenant's own key, within 24 h.
 *
 * K1  Submissions with the same key are looked at one after the other, each from its look-up to its staging: two at once
 *     can never both find nothing.
 * K2  What is live is in the fold; what was forgotten there is in the index of outcomes. When the index cannot say "none" with
 *     certainty, nothing is accepted.
 */
import type { JobEnvelope, JobId, TenantId } from '@zerofleet/model';
import type { JobRecord } from './job-record.js';
import type { OutcomePort } from './ports.js';
import type { ShardState } from './shard-state.js';

/** `fresh`: never seen. `live`, `ended`: the job that it named. `conflict`: it named another body. `unsure`: nobody can say just now. */
export type KeyVerdict =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'live'; readonly record: JobRecord }
  | { readonly kind: 'ended'; readonly id: JobId }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'unsure' };

export class KeyDesk {
  private readonly state: ShardState;
  private readonly outcomes: OutcomePort;
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(state: ShardState, outcomes: OutcomePort) {
    this.state = state;
    this.outcomes = outcomes;
  }

  /** Calls `then` with the verdict on the key of `envelope`, alone with this key until `then` returned. */
  async inTurn<T>(envelope: JobEnvelope, then: (verdict: KeyVerdict) => T): Promise<T> {
    const { idempotency } = envelope.extras ?? {};
    if (idempotency === undefined) return then({ kind: 'fresh' });
    const name = `${envelope.tenant} ${idempotency.key}`;
    const before = this.turns.get(name) ?? Promise.resolve();
    const turn = before.then(async () => then(await this.judge(envelope.tenant, idempotency)));
    const over = turn.catch(() => undefined);
    this.turns.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.turns.get(name) === over) this.turns.delete(name);
    }
  }

  private async judge(tenant: TenantId, { key, hash }: { key: string; hash: string }): Promise<KeyVerdict> {
    const live = this.live(tenant, key, hash);
    if (live !== undefined) return live;
    try {
      const found = await this.outcomes.findKey(tenant, key);
      if (found.kind === 'rebuilding') return { kind: 'unsure' };
      if (found.kind === 'none') return { kind: 'fresh' };
      return found.hash === hash ? { kind: 'ended', id: found.id } : { kind: 'conflict' };
    } catch {
      return { kind: 'unsure' };
    }
  }

  private live(tenant: TenantId, key: string, hash: string): KeyVerdict | undefined {
    const record = this.state.withKey(tenant, key);
    if (record === undefined) return undefined;
    return record.extras?.idempotency?.hash === hash ? { kind: 'live', record } : { kind: 'conflict' };
  }
}
