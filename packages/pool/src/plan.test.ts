/** What the plan does where one pool is in trouble or room is short. */
import { describe, expect, it } from 'vitest';
import type { JobId, TenantId } from '@zerofleet/model';
import { planPool, type PoolContainer, type PoolPolicy, type PoolTarget } from './index.js';

const spec = (memoryMiB: number): PoolTarget['spec'] => ({
  image: 'tools',
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB, pids: 64, workMiB: 16, tmpMiB: 16 },
});
const target = (key: string, memoryMiB: number, stock: number, failures = 0): PoolTarget => ({
  key,
  spec: spec(memoryMiB),
  stock,
  failures,
  failedAtMs: 0,
});
const policy: PoolPolicy = {
  budgetMiB: 400,
  startsMax: 4,
  idleMaxMs: 60_000,
  sessionIdleMaxMs: 60_000,
  ageMaxMs: 60_000,
  usesMax: 4,
};
const tenant = 't1' as TenantId;

describe('plan', () => {
  it('keeps stock of other pools while a job waits for one whose starts fail', () => {
    const actions = planPool({
      containers: [],
      targets: [target('broken', 100, 0, 3), target('sound', 100, 2)],
      waiting: [{ key: 'broken', tenant }],
      policy,
      nowMs: 100,
    });
    expect(actions).toEqual([
      { kind: 'start', key: 'sound' },
      { kind: 'start', key: 'sound' },
    ]);
  });

  it('ends nothing for a job that would still not fit', () => {
    const busy: PoolContainer = {
      id: 'c1',
      key: 'small',
      memoryMiB: 300,
      bornMs: 0,
      state: { kind: 'busy', tenant, job: 'j' as JobId, uses: 1 },
    };
    const idle: PoolContainer = {
      ...busy,
      id: 'c2',
      memoryMiB: 100,
      state: { kind: 'idle', tenant, uses: 1, sinceMs: 0 },
    };
    const view = {
      targets: [target('small', 100, 0), target('big', 200, 0)],
      waiting: [{ key: 'big', tenant }],
      policy,
      nowMs: 1,
    };
    expect(planPool({ ...view, containers: [busy, idle] })).toEqual([]);
    expect(planPool({ ...view, containers: [{ ...busy, state: idle.state }, idle] })).toEqual([
      { kind: 'stop', id: 'c1', why: 'room' },
    ]);
  });
});
