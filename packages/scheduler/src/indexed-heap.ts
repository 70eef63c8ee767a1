/**
 * A four-ary min-heap by two numbers, whose items know their place: any of them can be moved or taken out.
 *
 * X1  The first item has the smallest `first` key, and among equals the smallest `second`.
 * X2  O(log n) to put in, move and take out; O(1) to look. An item stands in one heap of its roll at a time.
 * X3  Moving others on the way touches arrays alone: not one of their objects, which are seldom in the cache.
 */
import type { Roll } from './roll.js';

/** What an item carries: its number in the roll. */
export interface Numbered {
  readonly slot: number;
}

const ARITY_LOG2 = 2;
const ARITY = 1 << ARITY_LOG2;
const ROOM_FIRST = 8;

export class IndexedHeap<T extends Numbered> {
  private readonly roll: Roll<T>;
  private count = 0;
  private slots = new Int32Array(ROOM_FIRST);
  /** Both keys of each item, side by side: the children of one lie in one line of the cache. */
  private keys = new Float64Array(2 * ROOM_FIRST);

  constructor(roll: Roll<T>) {
    this.roll = roll;
  }

  get size(): number {
    return this.count;
  }

  get top(): T | undefined {
    return this.count === 0 ? undefined : this.roll.items[this.slots[0] as number];
  }

  /** The number of the top; -1 when empty. */
  get topSlot(): number {
    return this.count === 0 ? -1 : (this.slots[0] as number);
  }

  /** The keys of the top; Infinity when empty. */
  get topFirst(): number {
    return this.count === 0 ? Infinity : (this.keys[0] as number);
  }

  get topSecond(): number {
    return this.count === 0 ? Infinity : (this.keys[1] as number);
  }

  has(item: T): boolean {
    return (this.roll.heapAt[item.slot] as number) >= 0;
  }

  /** Puts `item` in, or moves it to where its new keys belong. */
  set(item: T, first: number, second: number): void {
    const { slot } = item;
    const at = this.roll.heapAt[slot] as number;
    if (at < 0) {
      if (this.count === this.slots.length) this.grow();
      this.count += 1;
      this.rise(this.count - 1, slot, first, second);
    } else if (this.isBefore(first, second, at)) this.rise(at, slot, first, second);
    else this.sink(at, slot, first, second);
  }

  /** The top's first key became larger: moves it to where it belongs now. */
  delayTop(first: number): void {
    this.sink(0, this.slots[0] as number, first, this.keys[1] as number);
  }

  /** Moves `item`, which is inside, to where another first key belongs. */
  rekey(item: T, first: number): void {
    const { slot } = item;
    const at = this.roll.heapAt[slot] as number;
    const second = this.keys[2 * at + 1] as number;
    if (this.isBefore(first, second, at)) this.rise(at, slot, first, second);
    else this.sink(at, slot, first, second);
  }

  /** Takes `item` out; nothing where it is not inside. */
  remove(item: T): void {
    const { slot } = item;
    const at = this.roll.heapAt[slot] as number;
    if (at < 0) return;
    this.roll.heapAt[slot] = -1;
    this.count -= 1;
    const { count, keys } = this;
    if (at === count) return;
    const last = this.slots[count] as number;
    const first = keys[2 * count] as number;
    const second = keys[2 * count + 1] as number;
    if (at > 0 && this.isBefore(first, second, (at - 1) >> ARITY_LOG2)) this.rise(at, last, first, second);
    else this.sink(at, last, first, second);
  }

  private rise(from: number, slot: number, first: number, second: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> ARITY_LOG2;
      if (!this.isBefore(first, second, parent)) break;
      this.move(parent, at);
      at = parent;
    }
    this.put(at, slot, first, second);
  }

  private sink(from: number, slot: number, first: number, second: number): void {
    let at = from;
    for (;;) {
      const child = this.firstChild(at);
      if (child < 0 || this.isBefore(first, second, child)) break;
      this.move(child, at);
      at = child;
    }
    this.put(at, slot, first, second);
  }

  /** The smallest child of `at`; -1 when it has none. */
  private firstChild(at: number): number {
    const { keys, count } = this;
    const begin = (at << ARITY_LOG2) + 1;
    if (begin >= count) return -1;
    const end = Math.min(begin + ARITY, count);
    let best = begin;
    let bestFirst = keys[2 * begin] as number;
    for (let child = begin + 1; child < end; child += 1) {
      const first = keys[2 * child] as number;
      if (first > bestFirst) continue;
      if (first === bestFirst && (keys[2 * child + 1] as number) >= (keys[2 * best + 1] as number)) continue;
      best = child;
      bestFirst = first;
    }
    return best;
  }

  private isBefore(first: number, second: number, at: number): boolean {
    const other = this.keys[2 * at] as number;
    return first < other || (first === other && second < (this.keys[2 * at + 1] as number));
  }

  private move(from: number, to: number): void {
    const { keys } = this;
    this.put(to, this.slots[from] as number, keys[2 * from] as number, keys[2 * from + 1] as number);
  }

  private put(at: number, slot: number, first: number, second: number): void {
    this.slots[at] = slot;
    this.keys[2 * at] = first;
    this.keys[2 * at + 1] = second;
    this.roll.heapAt[slot] = at;
  }

  private grow(): void {
    const { slots, keys } = this;
    this.slots = new Int32Array(2 * slots.length);
    this.slots.set(slots);
    this.keys = new Float64Array(2 * keys.length);
    this.keys.set(keys);
  }
}
