/** Random histories of the real policy: claims, ends, failures, time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transitionContainer, type ContainerEvent, type JobId, type TenantId } from '@zerofleet/model';
import {
  chooseContainer,
  planPool,
  type Demand,
  type PoolContainer,
  type PoolPolicy,
  type PoolTarget,
} from './index.js';

const spec = (memoryMiB: number): PoolTarget['spec'] => ({
  image: 'tools',
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB, pids: 64, workMiB: 16, tmpMiB: 16 },
});
const TARGETS: readonly PoolTarget[] = [
  { key: 'a', spec: spec(100), stock: 3, failures: 0, failedAtMs: 0 },
  { key: 'b', spec: spec(200), stock: 1, failures: 0, failedAtMs: 0 },
];
const POLICY: PoolPolicy = {
  budgetMiB: 1_000,
  startsMax: 2,
  idleMaxMs: 5_000,
  sessionIdleMaxMs: 9_000,
  ageMaxMs: 60_000,
  usesMax: 4,
};

class Model {
  readonly containers = new Map<string, PoolContainer>();
  readonly tenantsOf = new Map<string, Set<TenantId>>();
  waiting: Demand[] = [];
  nowMs = 0;
  private made = 0;

  step(id: string, event: ContainerEvent): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    const state = transitionContainer(container.state, event);
    if (state.kind === 'gone') this.containers.delete(id);
    else this.containers.set(id, { ...container, state });
  }

  plan(): void {
    const actions = planPool({
      containers: [...this.containers.values()],
      targets: TARGETS,
      waiting: this.waiting,
      policy: POLICY,
      nowMs: this.nowMs,
    });
    for (const action of actions) {
      if (action.kind === 'start') this.start(action.key);
      else {
        const kind = this.containers.get(action.id)?.state.kind;
        expect(['idle', 'warm']).toContain(kind);
        this.step(action.id, { kind: 'stop' });
      }
    }
  }

  private start(key: string): void {
    this.made += 1;
    const target = TARGETS.find((one) => one.key === key);
    const memoryMiB = target?.spec.resources.memoryMiB ?? 0;
    const id = `c${this.made}`;
    this.containers.set(id, { id, key, memoryMiB, state: { kind: 'starting' }, bornMs: this.nowMs });
  }

  claim(key: string, tenant: TenantId): void {
    const choice = chooseContainer(this.containers.values(), { key, tenant });
    if (choice.kind === 'cold') {
      this.waiting.push({ key, tenant });
      return;
    }
    const served = this.tenantsOf.get(choice.container.id) ?? new Set();
    this.tenantsOf.set(choice.container.id, served.add(tenant));
    this.step(choice.container.id, { kind: 'claimed', tenant, job: 'j' as JobId });
  }

  serveWaiting(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const { key, tenant } of waiting) this.claim(key, tenant);
  }

  /** Moves the n-th container that can move on. */
  advance(n: number, fail: boolean): void {
    const movable = [...this.containers.values()].filter((one) => !['warm', 'idle'].includes(one.state.kind));
    const container = movable[n % Math.max(1, movable.length)];
    if (container === undefined) return;
    const { kind } = container.state;
    if (fail || kind === 'stopping') this.step(container.id, { kind: 'ended' });
    else if (kind === 'busy') this.step(container.id, { kind: 'released' });
    else this.step(container.id, { kind: 'ready', atMs: this.nowMs });
  }

  check(): void {
    const all = [...this.containers.values()];
    expect(all.reduce((sum, one) => sum + one.memoryMiB, 0)).toBeLessThanOrEqual(POLICY.budgetMiB);
    expect(all.filter((one) => one.state.kind === 'starting').length).toBeLessThanOrEqual(POLICY.startsMax);
    for (const tenants of this.tenantsOf.values()) expect(tenants.size).toBe(1);
  }

  settle(): void {
    for (let n = 0; n < 500; n += 1) {
      this.nowMs += 100;
      this.advance(0, false);
      this.serveWaiting();
      this.plan();
      this.check();
    }
  }
}

const call = fc.oneof(
  fc.record({
    what: fc.constant('claim'),
    key: fc.constantFrom('a', 'b'),
    tenant: fc.constantFrom('t1', 't2', 't3'),
    n: fc.nat(9),
  }),
  fc.record({
    what: fc.constantFrom('advance', 'fail', 'time'),
    key: fc.constant('a'),
    tenant: fc.constant('t1'),
    n: fc.nat(9),
  }),
);

describe('pool', () => {
  it('never shares a container, never exceeds its budget, and serves everyone who waits', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        const model = new Model();
        for (const { what, key, tenant, n } of calls) {
          if (what === 'claim') model.claim(key, tenant as TenantId);
          else if (what === 'time') model.nowMs += n * 700;
          else model.advance(n, what === 'fail');
          model.serveWaiting();
          model.plan();
          model.check();
        }
        model.settle();
        expect(model.waiting).toEqual([]);
        expect(
          [...model.containers.values()].filter((one) => one.key === 'a' && one.state.kind === 'warm').length,
        ).toBe(3);
      }),
      { numRuns: 300 },
    );
  });
});
