/**
 * Time that moves only when told. Timers fire in order of their time, then of their making, so a history is
 * a function of the seed alone.
 */
import type { Cancel, Clock } from '@zerofleet/runtime';

interface Timer {
  readonly atMs: number;
  readonly no: number;
  /** Undefined once it was cancelled. */
  fire: (() => void) | undefined;
}

const isBefore = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.no < b.no);

export class VirtualClock implements Clock {
  private now = 0;
  private readonly wallAtStartMs = 1_700_000_000_000;
  private made = 0;
  /** A binary heap; cancelled timers stay until they come to its top. */
  private readonly timers: Timer[] = [];

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.wallAtStartMs + Math.floor(this.now);
  }

  after(delayMs: number, fire: () => void): Cancel {
    const timer: Timer = { atMs: this.now + Math.max(0, delayMs), no: this.made, fire };
    this.made += 1;
    this.push(timer);
    return () => {
      timer.fire = undefined;
    };
  }

  /** Moves to the next timer, fires it, and lets every promise that hangs on it settle. False when there is none. */
  async step(): Promise<boolean> {
    for (let next = this.pop(); next !== undefined; next = this.pop()) {
      if (next.fire === undefined) continue;
      this.now = next.atMs;
      next.fire();
      await settled();
      return true;
    }
    return false;
  }

  private push(timer: Timer): void {
    const { timers } = this;
    let at = timers.length;
    timers.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = timers[parent] as Timer;
      if (isBefore(above, timer)) break;
      timers[at] = above;
      at = parent;
    }
    timers[at] = timer;
  }

  private pop(): Timer | undefined {
    const { timers } = this;
    const [first] = timers;
    const last = timers.pop();
    if (last === undefined || timers.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [timers[child], timers[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const below = timers[child] as Timer;
      if (isBefore(last, below)) break;
      timers[at] = below;
      at = child;
    }
    timers[at] = last;
    return first;
  }
}

/** Resolves once no promise job is left: a macrotask comes after all of them. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A view of `virtual` for one process, which can be killed, made to sleep or cut off, and whose wall clock may jump. */
export class ProcessClock implements Clock {
  readonly virtual: VirtualClock;
  /** When it was connected last, after it was not. */
  backAtMs = -Infinity;
  private connected = true;
  /** When it woke last. */
  wokeAtMs = -Infinity;
  private mode: 'running' | 'asleep' | 'dead' = 'running';
  private missed: (() => void)[] = [];
  private wallShiftMs = 0;
  private wallHighMs = 0;

  constructor(virtual: VirtualClock) {
    this.virtual = virtual;
  }

  /** Whether the process is connected: the wire looks at it. */
  get online(): boolean {
    return this.connected;
  }

  set online(online: boolean) {
    if (online && !this.connected) this.backAtMs = this.nowMs();
    this.connected = online;
  }

  get alive(): boolean {
    return this.mode !== 'dead';
  }

  get awake(): boolean {
    return this.mode === 'running';
  }

  nowMs(): number {
    return this.virtual.nowMs();
  }

  wallMs(): number {
    return this.virtual.wallMs() + this.wallShiftMs;
  }

  /** The latest time that the wall clock of this process ever showed. */
  highestWallMs(): number {
    this.wallHighMs = Math.max(this.wallHighMs, this.wallMs());
    return this.wallHighMs;
  }

  /** Moves the wall clock, as NTP or a person would. */
  jump(byMs: number): void {
    this.highestWallMs();
    this.wallShiftMs += byMs;
  }

  /** Sets the wall clock right. */
  setRight(): void {
    this.jump(-this.wallShiftMs);
  }

  after(delayMs: number, fire: () => void): Cancel {
    let live = true;
    const cancel = this.virtual.after(delayMs, () => this.deliver(() => live && fire()));
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
    this.online = false;
    this.missed = [];
  }

  sleep(): void {
    if (this.mode === 'running') this.mode = 'asleep';
  }

  wake(): void {
    if (this.mode !== 'asleep') return;
    this.mode = 'running';
    this.wokeAtMs = this.nowMs();
    const missed = this.missed;
    this.missed = [];
    for (const act of missed) this.deliver(act);
  }
}
