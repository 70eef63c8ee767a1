/**
 * Who runs next, first in first out, and where. The interface is the scheduler's; fairness replaces what is behind it.
 *
 * Q1  A job is handed out at most once each time it is put in; a requeued job goes to the front, before what came later.
 * Q2  Only the head is looked at: a head that fits nowhere keeps what is behind it waiting, with the reason.
 * Q3  Every call is O(1) amortised in the number of queued jobs, and O(hosts) for placement.
 */
import type { JobId, Room } from '@zerofleet/model';
import { place, type Host, type Need } from './placement.js';

/** A job that waits. The same object as long as it waits: the queue knows it by identity. */
export interface Candidate {
  readonly id: JobId;
  readonly need: Need;
}

/** What the scheduler says next. `no_capacity` carries what the head of the queue needs. */
export type Choice<C extends Candidate> =
  | { readonly kind: 'run'; readonly candidate: C; readonly host: Host }
  | { readonly kind: 'empty' }
  | { readonly kind: 'no_capacity'; readonly need: Room };

/** Places of jobs that wait no more, beyond which the lists are rebuilt. */
const LEFTOVERS_MAX = 1_024;

export class FifoScheduler<C extends Candidate = Candidate> {
  private front: C[] = [];
  private back: C[] = [];
  private head = 0;
  private readonly waiting = new Set<C>();
  /** How many of the first places of a job in `back` are leftovers: it was taken out there. */
  private readonly leftovers = new Map<C, number>();

  /** Jobs that wait. */
  get size(): number {
    return this.waiting.size;
  }

  /** Puts a job at the end. A job that waits already is left where it is. */
  add(candidate: C): void {
    if (this.waiting.has(candidate)) return;
    this.waiting.add(candidate);
    this.back.push(candidate);
  }

  /** Puts a job at the front: its attempt ended without an outcome. */
  addFirst(candidate: C): void {
    if (this.waiting.has(candidate)) return;
    this.waiting.add(candidate);
    this.front.push(candidate);
  }

  /** Takes a job out, wherever it stands. */
  remove(candidate: C): void {
    if (!this.waiting.delete(candidate)) return;
    const inFront = this.front.lastIndexOf(candidate);
    if (inFront >= 0) {
      this.front.splice(inFront, 1);
      return;
    }
    this.leftovers.set(candidate, (this.leftovers.get(candidate) ?? 0) + 1);
    if (this.back.length - this.head > 2 * this.waiting.size + LEFTOVERS_MAX) this.rebuild();
  }

  /** The next job and its host; the job leaves the queue. */
  next(hosts: readonly Host[]): Choice<C> {
    const candidate = this.peek();
    if (candidate === undefined) return { kind: 'empty' };
    const host = place(candidate.need, hosts);
    if (host === undefined) return { kind: 'no_capacity', need: candidate.need.room };
    this.waiting.delete(candidate);
    if (this.front.at(-1) === candidate) this.front.pop();
    else this.dropHead();
    return { kind: 'run', candidate, host };
  }

  /** The first job that waits; leftovers before it are dropped. */
  private peek(): C | undefined {
    const first = this.front.at(-1);
    if (first !== undefined) return first;
    for (;;) {
      const next = this.back[this.head];
      if (next === undefined || !this.isLeftover(next)) return next;
      this.dropHead();
    }
  }

  private isLeftover(candidate: C): boolean {
    const left = this.leftovers.get(candidate);
    if (left === undefined) return false;
    if (left > 1) this.leftovers.set(candidate, left - 1);
    else this.leftovers.delete(candidate);
    return true;
  }

  private dropHead(): void {
    this.head += 1;
    if (this.head < LEFTOVERS_MAX || this.head * 2 < this.back.length) return;
    this.back = this.back.slice(this.head);
    this.head = 0;
  }

  private rebuild(): void {
    this.back = this.back.slice(this.head).filter((one) => !this.isLeftover(one));
    this.head = 0;
  }
}
