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
  /** Both keys of each item, side by side: the children of one lie in one line of the cache. */
  private readonly keys: number[] = [];

  get size(): number {
    return this.items.length;
  }

  get top(): T | undefined {
    return this.items[0];
  }

  /** The keys of the top; Infinity when empty. */
  get topFirst(): number {
    return this.items.length === 0 ? Infinity : (this.keys[0] as number);
  }

  get topSecond(): number {
    return this.items.length === 0 ? Infinity : (this.keys[1] as number);
  }

  /** Puts `item` in, or moves it to where its new keys belong. */
  set(item: T, first: number, second: number): void {
    const at = item.heapAt;
    if (at < 0) {
      this.items.push(item);
      this.keys.push(first, second);
      this.rise(this.items.length - 1, item, first, second);
    } else if (this.isBefore(first, second, at)) this.rise(at, item, first, second);
    else this.sink(at, item, first, second);
  }

  /** Takes `item` out; nothing where it is not inside. */
  remove(item: T): void {
    const at = item.heapAt;
    if (at < 0) return;
    item.heapAt = -1;
    const last = this.items.pop() as T;
    const second = this.keys.pop() as number;
    const first = this.keys.pop() as number;
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
    this.put(at, item, first, second);
  }

  private sink(from: number, item: T, first: number, second: number): void {
    const { length } = this.items;
    let at = from;
    for (;;) {
      const child = this.firstChild(at, length);
      if (child < 0 || this.isBefore(first, second, child)) break;
      this.move(child, at);
      at = child;
    }
    this.put(at, item, first, second);
  }

  /** The smallest child of `at`; -1 when it has none. */
  private firstChild(at: number, length: number): number {
    const { keys } = this;
    const begin = (at << ARITY_LOG2) + 1;
    if (begin >= length) return -1;
    const end = Math.min(begin + ARITY, length);
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
    this.put(to, this.items[from] as T, keys[2 * from] as number, keys[2 * from + 1] as number);
  }

  private put(at: number, item: T, first: number, second: number): void {
    this.items[at] = item;
    this.keys[2 * at] = first;
    this.keys[2 * at + 1] = second;
    item.heapAt = at;
  }
}
