/** Seeded randomness, so that a run can be repeated: mulberry32. */

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** Log-uniform from `from` to `to`. */
  between(from: number, to: number): number {
    return from * (to / from) ** this.next();
  }

  /** Exponential with this mean: the time to the next of independent arrivals. */
  gap(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }
}
