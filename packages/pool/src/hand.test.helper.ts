/** A pool moved by hand: what it starts is kept until the test says that it is ready, failed or gone. */
import type { JobId, PoolSpec, TenantId, ToolName } from '@zerofleet/model';
import {
  Pool,
  type Answer,
  type Member,
  type PoolAction,
  type PoolSettings,
  type Release,
  type Wish,
} from './index.js';

/** Stock is what is configured, whatever comes. */
const FIXED = { worthMs: 1, keepMs: 0, burstMax: 1 };
/** Stock follows demand, as it does where nothing is said. */
export const ADAPTIVE = { worthMs: 600_000, keepMs: 600_000, burstMax: 16 };

export class Hand {
  readonly pool: Pool;
  nowMs = 0;
  /** What the last plans said, since `look` was called last. */
  private actions: PoolAction[] = [];

  constructor(settings: Partial<PoolSettings> = {}) {
    this.pool = new Pool({ budgetMiB: 1_000, startsMax: 4, refillPerS: 1e6, ...FIXED, ...settings });
  }

  /** The actions since the last look, as words. */
  look(): string[] {
    const words = this.actions.map((action) => {
      if (action.kind === 'start') return `start ${action.member.shelf.spec.image}`;
      if (action.kind === 'stop')
        return `stop ${action.member.id} ${action.why}${action.session === undefined ? '' : ` save ${action.session}`}`;
      if (action.kind === 'give')
        return `give ${action.member.id} to ${action.waiter.wish.tenant} ${action.how}`;
      return `refuse ${action.waiter.wish.tenant}: ${action.reason}`;
    });
    this.actions = [];
    return words;
  }

  plan(): void {
    this.actions.push(...this.pool.plan(this.nowMs));
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.actions.push(...this.pool.tick(this.nowMs));
  }

  /** Time passes as it does, and what starts or ends does so. */
  live(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.pass(250);
      this.gone();
      this.ready();
    }
  }

  stock(...wants: [PoolSpec, number, ...string[]][]): void {
    this.pool.configure(
      wants.map(([spec, stock, ...tools]) => ({ spec, stock, tools: tools as ToolName[] })),
      this.nowMs,
    );
    this.plan();
  }

  claim(spec: PoolSpec, tenant: string, more: Partial<Wish> = {}): Answer {
    const tool = `tool_${spec.image}` as ToolName;
    const wish = { spec, tenant: tenant as TenantId, tool, job: 'j' as JobId, ...more };
    const answer = this.pool.claim(wish, this.nowMs);
    this.plan();
    return answer;
  }

  /** A container that was given at once. */
  take(spec: PoolSpec, tenant: string, more: Partial<Wish> = {}): Member {
    const answer = this.claim(spec, tenant, more);
    if (answer.kind !== 'given') throw new Error(`${tenant} waits: ${answer.why}`);
    return answer.member;
  }

  of(kind: Member['state']['kind'], spec?: PoolSpec): Member[] {
    return [...this.pool.members.values()].filter(
      (member) => member.state.kind === kind && (spec === undefined || member.shelf.spec === spec),
    );
  }

  /** All that is starting is ready. */
  ready(): void {
    for (const member of this.of('starting')) this.pool.ready(member, this.nowMs);
    this.plan();
  }

  /** All that is starting is ready, over and over, until nothing starts any more. */
  fill(): void {
    while (this.of('starting').length > 0) {
      this.nowMs += 1;
      this.ready();
    }
  }

  fail(reason = 'no engine'): void {
    for (const member of this.of('starting')) this.pool.startFailed(member, reason, this.nowMs);
    this.plan();
  }

  release(member: Member, what: Release = 'again'): string {
    const next = this.pool.released(member, what, this.nowMs);
    if (next === 'reset' || next === 'keep') this.pool.ready(member, this.nowMs);
    this.plan();
    return next;
  }

  /** All that is on its way out is gone. */
  gone(): void {
    for (const member of this.of('stopping')) this.pool.gone(member);
    this.plan();
  }
}
