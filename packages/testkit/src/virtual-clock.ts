/**
 * Time that moves only when told. Timers fire in order of their time, then of their making, so a history is
 * a function of the seed alone.
 */
import type { Cancel, Clock } from '@zerofleet/runtime';

interface Timer {
  readonly atMs: number;
  readonly no: number;
  readonly fire: () => void;
}

export class VirtualClock implements Clock {
  private now = 0;
  private wallOffset = 1_700_000_000_000;
  private made = 0;
  private readonly timers = new Map<number, Timer>();

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.wallOffset + this.now;
  }

  after(delayMs: number, fire: () => void): Cancel {
    const no = this.made;
    this.made += 1;
    this.timers.set(no, { atMs: this.now + Math.max(0, delayMs), no, fire });
    return () => {
      this.timers.delete(no);
    };
  }

  /** Moves the wall clock, as NTP or a person would. */
  jump(byMs: number): void {
    this.wallOffset += byMs;
  }

  /** Moves to the next timer, fires it, and lets every promise that hangs on it settle. False when there is none. */
  async step(): Promise<boolean> {
    let next: Timer | undefined;
    for (const timer of this.timers.values())
      if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.no < next.no))
        next = timer;
    if (next === undefined) return false;
    this.timers.delete(next.no);
    this.now = Math.max(this.now, next.atMs);
    next.fire();
    await settled();
    return true;
  }
}

/** Resolves once no promise job is left: a macrotask comes after all of them. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A view of `clock` for one process, which can be killed or made to sleep. */
export class ProcessClock implements Clock {
  private readonly clock: VirtualClock;
  private mode: 'running' | 'asleep' | 'dead' = 'running';
  private missed: (() => void)[] = [];

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  get alive(): boolean {
    return this.mode !== 'dead';
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  after(delayMs: number, fire: () => void): Cancel {
    let live = true;
    const cancel = this.clock.after(delayMs, () => this.deliver(() => live && fire()));
    return () => {
      live = false;
      cancel();
    };
  }

  /** Calls `act` in this process: now, at its waking, or never. */
  deliver(act: () => void): void {
    if (this.mode === 'running') act();
    else if (this.mode === 'asleep') this.missed.push(act);
  }

  kill(): void {
    this.mode = 'dead';
    this.missed = [];
  }

  sleep(): void {
    if (this.mode === 'running') this.mode = 'asleep';
  }

  wake(): void {
    if (this.mode !== 'asleep') return;
    this.mode = 'running';
    const missed = this.missed;
    this.missed = [];
    for (const act of missed) this.deliver(act);
  }
}
