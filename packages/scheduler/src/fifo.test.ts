import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobId, WorkerId } from '@zerofleet/model';
import { FifoScheduler, type Candidate, type Host } from './index.js';

const need = { room: { cpuMilli: 1_000, memoryMiB: 256 }, poolKey: 'k', mode: 'warm' as const };
const candidate = (n: number): Candidate => ({ id: `job-${n}` as JobId, need });
const host = (name: string, cpuMilli: number, warm = 0): Host => ({
  worker: name as WorkerId,
  mode: 'warm',
  free: { cpuMilli, memoryMiB: 4_096 },
  warm: new Map([['k', warm]]),
});
const roomy = [host('w', 8_000)];

const drain = (scheduler: FifoScheduler): string[] => {
  const ids: string[] = [];
  for (let choice = scheduler.next(roomy); choice.kind === 'run'; choice = scheduler.next(roomy))
    ids.push(choice.candidate.id);
  return ids;
};

describe('fifo scheduler', () => {
  it('runs in order of arrival and puts requeued jobs first', () => {
    const scheduler = new FifoScheduler();
    [1, 2, 3].forEach((n) => scheduler.add(candidate(n)));
    scheduler.addFirst(candidate(9));
    expect(drain(scheduler)).toEqual(['job-9', 'job-1', 'job-2', 'job-3']);
  });

  it('says what the head needs when no host has room, and keeps it', () => {
    const scheduler = new FifoScheduler();
    scheduler.add(candidate(1));
    expect(scheduler.next([host('w', 500)])).toEqual({ kind: 'no_capacity', need: need.room });
    expect(scheduler.size).toBe(1);
    expect(scheduler.next([])).toMatchObject({ kind: 'no_capacity' });
  });

  it('takes a job that was removed and added again once', () => {
    const scheduler = new FifoScheduler();
    const one = candidate(1);
    scheduler.add(one);
    scheduler.remove(one);
    scheduler.add(candidate(2));
    scheduler.add(one);
    expect(drain(scheduler)).toEqual(['job-2', 'job-1']);
  });

  it('prefers warm containers, then the emptier host', () => {
    const scheduler = new FifoScheduler();
    [1, 2].forEach((n) => scheduler.add(candidate(n)));
    expect(scheduler.next([host('a', 4_000), host('b', 2_000, 1)])).toMatchObject({ host: { worker: 'b' } });
    expect(scheduler.next([host('a', 2_000), host('b', 4_000)])).toMatchObject({ host: { worker: 'b' } });
  });

  it('never loses, doubles or reorders a job under any mix of calls', () => {
    const call = fc.record({ what: fc.constantFrom('add', 'first', 'remove', 'next'), n: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 300 }), (calls) => {
        const scheduler = new FifoScheduler();
        const jobs = Array.from({ length: 6 }, (_, n) => candidate(n));
        let model: string[] = [];
        for (const { what, n } of calls) {
          const one = jobs[n] ?? candidate(n);
          if (what === 'add') {
            if (!model.includes(one.id)) model.push(one.id);
            scheduler.add(one);
          } else if (what === 'first') {
            if (!model.includes(one.id)) model.unshift(one.id);
            scheduler.addFirst(one);
          } else if (what === 'remove') {
            model = model.filter((id) => id !== one.id);
            scheduler.remove(one);
          } else {
            const choice = scheduler.next(roomy);
            expect(choice.kind === 'run' ? choice.candidate.id : undefined).toBe(model.shift());
          }
          expect(scheduler.size).toBe(model.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
