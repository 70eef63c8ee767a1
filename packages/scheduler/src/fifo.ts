/**
 * Who runs next, first in first out, and where. The interface is the scheduler's; fairness replaces what is behind it.
 *
 * Q1  A job is in the queue at most once; a requeued job goes to the front, in front of what came later.
 * Q2  Only the head is looked at: a head that fits nowhere keeps what is behind it waiting, with the reason.
 * Q3  Every call is O(1) amortised in the number of queued jobs, and O(hosts) for placement.
 */
import type { JobId, Room } from '@zerofleet/model';
import { place, type Host, type Need } from './placement.js';

/** A job that waits. */
export interface Candidate {
  readonly id: JobId;
  readonly need: Need;
}

/** What the scheduler says next. `no_capacity` carries what the head of the queue needs. */
export type Choice =
  | { readonly kind: 'run'; readonly candidate: Candidate; readonly host: Host }
  | { readonly kind: 'empty' }
  | { readonly kind: 'no_capacity'; readonly need: Room };

export class FifoScheduler {
  private front: Candidate[] = [];
  private back: Candidate[] = [];
  private head = 0;
  /** The entry of each waiting job: an entry in a list that is not the one in here is a leftover. */
  private readonly waiting = new Map<JobId, Candidate>();

  /** Jobs that wait. */
  get size(): number {
    return this.waiting.size;
  }

  /** Puts a job at the end. A job that waits already is left where it is (Q1). */
  add(candidate: Candidate): void {
    if (this.waiting.has(candidate.id)) return;
    const entry = { ...candidate };
    this.waiting.set(entry.id, entry);
    this.back.push(entry);
  }

  /** Puts a job at the front: its attempt ended without an outcome. */
  addFirst(candidate: Candidate): void {
    if (this.waiting.has(candidate.id)) return;
    const entry = { ...candidate };
    this.waiting.set(entry.id, entry);
    this.front.push(entry);
  }

  /** Takes a job out, wherever it stands. */
  remove(id: JobId): void {
    this.waiting.delete(id);
  }

  /** The next job and its host; the job leaves the queue. */
  next(hosts: readonly Host[]): Choice {
    const candidate = this.peek();
    if (candidate === undefined) return { kind: 'empty' };
    const host = place(candidate.need, hosts);
    if (host === undefined) return { kind: 'no_capacity', need: candidate.need.room };
    this.waiting.delete(candidate.id);
    return { kind: 'run', candidate, host };
  }

  /** The first job that still waits; entries of removed jobs are dropped on the way. */
  private peek(): Candidate | undefined {
    for (;;) {
      const fromFront = this.front.at(-1);
      const candidate = fromFront ?? this.back[this.head];
      if (candidate === undefined || this.waiting.get(candidate.id) === candidate) return candidate;
      if (fromFront !== undefined) this.front.pop();
      else this.dropHead();
    }
  }

  private dropHead(): void {
    this.head += 1;
    if (this.head < 1_024 || this.head * 2 < this.back.length) return;
    this.back = this.back.slice(this.head);
    this.head = 0;
  }
}
