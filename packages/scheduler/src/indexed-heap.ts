/**
 * A four-ary min-heap by two numbers, whose items know their place: any of them can be moved or taken out.
 *
 * X1  The first item has the smallest `first` key, and among equals the smallest `second`.
 * X2  O(log n) to put in, move and take out; O(1) to look. An item stands in one such heap at a time, `heapAt` is its place.
 */

/** What an item carries; -1 outside any heap. */
export interface HeapItem {
  heapAt: number;
}

const ARITY_LOG2 = 2;
const ARITY = 1 << ARITY_LOG2;

export class IndexedHeap<T extends HeapItem> {
  private readonly items: T[] = [];
  private readonly firsts: number[] = [];
  private readonly seconds: number[] = [];

  get size(): number {
    return this.items.length;
  }

  get top(): T | undefined {
    return this.items[0];
  }

  /** The keys of the top; Infinity when empty. */
  get topFirst(): number {
    return this.items.length === 0 ? Infinity : (this.firsts[0] as number);
  }

  get topSecond(): number {
    return this.items.length === 0 ? Infinity : (this.seconds[0] as number);
  }

  /** The first key that `item` stands with. */
  firstOf(item: T): number {
    return this.firsts[item.heapAt] as number;
  }

  /** Puts `item` in, or moves it to where its new keys belong. */
  set(item: T, first: number, second: number): void {
    const at = item.heapAt;
    if (at < 0) {
      this.items.push(item);
      this.firsts.push(first);
      this.seconds.push(second);
      this.rise(this.items.length - 1, item, first, second);
      return;
    }
    const was = this.firsts[at] as number;
    if (first < was || (first === was && second < (this.seconds[at] as number)))
      this.rise(at, item, first, second);
    else this.sink(at, item, first, second);
  }

  /** Takes `item` out; nothing where it is not inside. */
  remove(item: T): void {
    const at = item.heapAt;
    if (at < 0) return;
    item.heapAt = -1;
    const last = this.items.pop() as T;
    const first = this.firsts.pop() as number;
    const second = this.seconds.pop() as number;
    if (last === item) return;
    if (at > 0 && this.isBefore(first, second, (at - 1) >> ARITY_LOG2)) this.rise(at, last, first, second);
    else this.sink(at, last, first, second);
  }

  private rise(from: number, item: T, first: number, second: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> ARITY_LOG2;
      if (!this.isBefore(first, second, parent)) break;
      this.move(parent, at);
      at = parent;
    }
    this.settle(at, item, first, second);
  }

  private sink(from: number, item: T, first: number, second: number): void {
    const { length } = this.items;
    let at = from;
    for (;;) {
      const child = this.firstChild(at, length);
      if (child < 0 || !this.isAfter(first, second, child)) break;
      this.move(child, at);
      at = child;
    }
    this.settle(at, item, first, second);
  }

  /** The smallest child of `at`; -1 when it has none. */
  private firstChild(at: number, length: number): number {
    const { firsts, seconds } = this;
    const begin = (at << ARITY_LOG2) + 1;
    if (begin >= length) return -1;
    const end = Math.min(begin + ARITY, length);
    let best = begin;
    let bestFirst = firsts[begin] as number;
    for (let child = begin + 1; child < end; child += 1) {
      const first = firsts[child] as number;
      if (first > bestFirst) continue;
      if (first === bestFirst && (seconds[child] as number) >= (seconds[best] as number)) continue;
      best = child;
      bestFirst = first;
    }
    return best;
  }

  private isBefore(first: number, second: number, at: number): boolean {
    const other = this.firsts[at] as number;
    return first < other || (first === other && second < (this.seconds[at] as number));
  }

  private isAfter(first: number, second: number, at: number): boolean {
    const other = this.firsts[at] as number;
    return first > other || (first === other && second > (this.seconds[at] as number));
  }

  private move(from: number, to: number): void {
    this.settle(to, this.items[from] as T, this.firsts[from] as number, this.seconds[from] as number);
  }

  private settle(at: number, item: T, first: number, second: number): void {
    this.items[at] = item;
    this.firsts[at] = first;
    this.seconds[at] = second;
    item.heapAt = at;
  }
}
