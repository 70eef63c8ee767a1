/** A clock that a test moves; after each move all that hangs on it has settled. */
import type { Clock } from '@zerofleet/runtime';

export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class HandClock implements Clock {
  now = 0;
  private timers: { readonly atMs: number; readonly fire: () => void }[] = [];
  nowMs(): number {
    return this.now;
  }
  wallMs(): number {
    return this.now;
  }
  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.now + delayMs, fire };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((one) => one !== timer));
  }
  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of this.timers.filter((one) => one.atMs <= this.now)) {
      this.timers = this.timers.filter((one) => one !== timer);
      timer.fire();
    }
    await settled();
  }
}
