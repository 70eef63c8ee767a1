/** Seeded randomness for tests: mulberry32, so that a seed replays a history. */

export class Prng {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + (this.next() % (max - min + 1));
  }

  /** True in `numerator` of `denominator` cases. */
  chance(numerator: number, denominator: number): boolean {
    return this.next() % denominator < numerator;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.next() % items.length];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** A UUID-shaped id; `version` is its version digit. */
  uuid(version: 4 | 7 = 4): string {
    const hex = (digits: number): string =>
      (this.next() >>> 0).toString(16).padStart(8, '0').slice(0, digits);
    return `${hex(8)}-${hex(4)}-${version}${hex(3)}-a${hex(3)}-${hex(8)}${hex(4)}`;
  }
}
