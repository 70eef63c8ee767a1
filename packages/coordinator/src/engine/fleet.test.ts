import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BootId, JobId, Room, WorkerId } from '@zerofleet/model';
import type { Ready } from '@zerofleet/protocol';
import type { FleetHost } from '@zerofleet/scheduler';
import { Fleet, type Hosts, type WorkerEntry } from './fleet.js';

const W1 = 'w1' as WorkerId;
const boot = (n: number): BootId => `11111111-1111-4111-8111-${String(n).padStart(12, '0')}` as BootId;
const job = (n: number): JobId => `j${n}` as JobId;
const ROOM: Room = { cpuMilli: 4_000, memoryMiB: 1_000 };
const ready = (seq: number, more: Partial<Ready> = {}): Ready => ({
  v: 1,
  worker: W1,
  boot: boot(1),
  mode: 'warm',
  seq,
  room: ROOM,
  free: { cpuMilli: 0, memoryMiB: 0 },
  draining: false,
  attempts: [],
  pools: [],
  ...more,
});
const join = (fleet: Fleet): WorkerEntry => {
  const entry = fleet.expect(W1, boot(1), 'warm', 0);
  fleet.refresh(entry, ready(1), 0);
  return entry;
};

/** What was told of hosts so far. */
class Told implements Hosts {
  readonly hosts = new Map<WorkerId, FleetHost>();

  setHost(host: FleetHost): void {
    this.hosts.set(host.worker, host);
  }

  removeHost(worker: WorkerId): void {
    this.hosts.delete(worker);
  }
}

describe('the fleet', () => {
  it('counts free room by its own sum, whatever is assigned, released and released again', () => {
    const step = fc.record({
      id: fc.nat(5),
      attempt: fc.integer({ min: 1, max: 2 }),
      cpuMilli: fc.nat(500),
      memoryMiB: fc.nat(100),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const fleet = new Fleet();
        const told = new Told();
        const entry = join(fleet);
        const held = new Map<number, { attempt: number; need: Room }>();
        for (const { id, attempt, cpuMilli, memoryMiB, release } of steps) {
          if (release) {
            fleet.release(W1, job(id), attempt);
            if (held.get(id)?.attempt === attempt) held.delete(id);
          } else if (!held.has(id)) {
            const need = { cpuMilli, memoryMiB };
            fleet.assign(entry, job(id), attempt, need, 'pool');
            held.set(id, { attempt, need });
          }
          const sum = { cpuMilli: 0, memoryMiB: 0 };
          for (const { need } of held.values()) {
            sum.cpuMilli += need.cpuMilli;
            sum.memoryMiB += need.memoryMiB;
          }
          // What was started is known to whoever started it; here that is nobody.
          fleet.refresh(entry, ready(entry.seq + 1), 0);
          fleet.tell(told);
          expect(told.hosts.get(W1)?.free).toEqual({
            cpuMilli: ROOM.cpuMilli - sum.cpuMilli,
            memoryMiB: ROOM.memoryMiB - sum.memoryMiB,
          });
        }
      }),
    );
  });

  it('gives nothing to a worker that has not spoken, drains, or refused a run since it last spoke', () => {
    const fleet = new Fleet();
    const told = new Told();
    const open = (): number => {
      fleet.tell(told);
      return told.hosts.size;
    };
    const entry = fleet.expect(W1, boot(1), 'warm', 0);
    expect(open()).toBe(0);
    fleet.refresh(entry, ready(1), 0);
    expect(open()).toBe(1);
    fleet.close(entry);
    expect(open()).toBe(0);
    fleet.refresh(entry, ready(2, { draining: true }), 0);
    expect(open()).toBe(0);
    fleet.refresh(entry, ready(3), 0);
    expect(open()).toBe(1);
    fleet.dismiss(entry);
    expect(open()).toBe(0);
  });

  it('drops a Ready that comes late or twice', () => {
    const fleet = new Fleet();
    const entry = join(fleet);
    expect(fleet.refresh(entry, ready(3, { draining: true }), 30)).toBe(true);
    for (const seq of [1, 2, 3]) expect(fleet.refresh(entry, ready(seq), 40)).toBe(false);
    expect(entry).toMatchObject({ seq: 3, draining: true, lastHeardMs: 30 });
  });

  it('remembers a buried boot as dead, and a dismissed one as one that may come back', () => {
    const fleet = new Fleet();
    const first = join(fleet);
    fleet.dismiss(first);
    expect(fleet.isDead(boot(1))).toBe(false);
    expect(fleet.get(W1)).toBeUndefined();
    fleet.bury(join(fleet));
    expect(fleet.isDead(boot(1))).toBe(true);
    expect(fleet.get(W1)).toBeUndefined();
  });

  it('leaves the new boot alone when the old one is buried late', () => {
    const fleet = new Fleet();
    const old = join(fleet);
    const now = fleet.expect(W1, boot(2), 'warm', 0);
    fleet.bury(old);
    expect(fleet.get(W1)).toBe(now);
    expect(fleet.isDead(boot(2))).toBe(false);
  });

  it('takes a warm container off the count with each assignment, never below none', () => {
    const fleet = new Fleet();
    const entry = fleet.expect(W1, boot(1), 'warm', 0);
    const pools = [{ key: 'pool', target: 1, starting: 0, warm: 1, busy: 0, idle: 0 }];
    fleet.refresh(entry, ready(1, { pools }), 0);
    for (const n of [1, 2]) fleet.assign(entry, job(n), 1, { cpuMilli: 1, memoryMiB: 1 }, 'pool');
    const told = new Told();
    fleet.tell(told);
    expect(told.hosts.get(W1)?.warm.get('pool')).toBe(0);
  });
});
