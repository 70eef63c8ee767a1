/**
 * Early shedding: a tenant that the leader just refused for its quota is refused here, without asking again, for as long as
 * the answer would be the same.
 *
 * S1  Only the leader's own refusals are remembered, and none for longer than SHED_MS_MAX: with this gone nothing changes but
 *     how often the leader is asked.
 * S2  A change of quotas ends what was remembered.
 */
import type { ProblemCode, TenantId } from '@zerofleet/model';
import type { NotTaken } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';

/** A refusal as other gateways are told of it. */
export interface ShedNote {
  readonly tenant: TenantId;
  readonly why: ProblemCode;
  /** When a repeat may be taken, from now, in ms. */
  readonly retryAfterMs: number;
}

/** Tells all gateways, over Redis; what is lost is lost. */
export interface ShedLine {
  publish(note: ShedNote): void;
  /** Calls `hear` with the notes of other gateways. */
  listen(hear: (note: ShedNote) => void): void;
}

/** Refusals that all of a tenant's submissions would get. */
const SHEDDABLE: ReadonlySet<ProblemCode> = new Set(['rate_limited', 'quota_queued']);
/** A refusal is remembered so long, in ms: a leader that changed its mind is heard within this. */
const SHED_MS_MAX = 500;
/** Tenants that are remembered, at most. */
const TENANTS_MAX = 10_000;

interface Shed {
  readonly why: ProblemCode;
  readonly retryAtMs: number;
  readonly untilMs: number;
}

export class Shedding {
  private readonly clock: Clock;
  private readonly line: ShedLine;
  private readonly sheds = new Map<TenantId, Shed>();

  constructor(options: { readonly clock: Clock; readonly line: ShedLine; readonly controls: Controls }) {
    this.clock = options.clock;
    this.line = options.line;
    options.line.listen((note) => this.remember(note));
    options.controls.onChange((change) => {
      if (change.kind !== 'quotas') return;
      if (change.tenant === null) this.sheds.clear();
      else this.sheds.delete(change.tenant);
    });
  }

  /** The refusal that the tenant's submission would get, if that is known. */
  check(tenant: TenantId): NotTaken | undefined {
    const shed = this.sheds.get(tenant);
    if (shed === undefined) return undefined;
    const nowMs = this.clock.nowMs();
    if (nowMs >= shed.untilMs) {
      this.sheds.delete(tenant);
      return undefined;
    }
    return { kind: 'refused', why: shed.why, retryAfterMs: Math.ceil(shed.retryAtMs - nowMs) };
  }

  /** The leader refused a submission of the tenant. */
  refused(tenant: TenantId, { why, retryAfterMs }: NotTaken): void {
    if (retryAfterMs === undefined || !SHEDDABLE.has(why)) return;
    const note = { tenant, why, retryAfterMs };
    this.remember(note);
    this.line.publish(note);
  }

  private remember({ tenant, why, retryAfterMs }: ShedNote): void {
    if (!SHEDDABLE.has(why)) return;
    const nowMs = this.clock.nowMs();
    this.sheds.delete(tenant);
    this.sheds.set(tenant, {
      why,
      retryAtMs: nowMs + retryAfterMs,
      untilMs: nowMs + Math.min(retryAfterMs, SHED_MS_MAX),
    });
    const [oldest] = this.sheds.keys();
    if (this.sheds.size > TENANTS_MAX && oldest !== undefined) this.sheds.delete(oldest);
  }
}
