/** A binary min-heap by a number that is fixed while an item is inside. O(log n) to push and pop, O(1) to look. */
export class MinHeap<T> {
  private readonly items: T[] = [];
  private readonly keys: number[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The smallest key; Infinity when empty. */
  get firstKey(): number {
    return this.keys[0] ?? Infinity;
  }

  /** The item with the smallest key; undefined when empty. */
  get first(): T | undefined {
    return this.items[0];
  }

  push(item: T, key: number): void {
    const { items, keys } = this;
    let at = items.length;
    items.push(item);
    keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((keys[parent] as number) <= key) break;
      this.move(parent, at);
      at = parent;
    }
    items[at] = item;
    keys[at] = key;
  }

  /** Takes out the item with the smallest key. */
  pop(): T | undefined {
    const { items, keys } = this;
    const first = items[0];
    const item = items.pop();
    const key = keys.pop();
    if (item === undefined || key === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= items.length) break;
      const right = left + 1;
      const child = right < items.length && (keys[right] as number) < (keys[left] as number) ? right : left;
      if ((keys[child] as number) >= key) break;
      this.move(child, at);
      at = child;
    }
    items[at] = item;
    keys[at] = key;
    return first;
  }

  private move(from: number, to: number): void {
    this.items[to] = this.items[from] as T;
    this.keys[to] = this.keys[from] as number;
  }
}
