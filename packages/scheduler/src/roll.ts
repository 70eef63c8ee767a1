/**
 * A number for each of some things that come and go, so that what is asked of many at once stands side by side in arrays and
 * not in as many objects all over memory. A number is given again when its thing has left.
 */

const ROOM_FIRST = 64;

export class Roll<T> {
  /** By number. */
  readonly items: (T | undefined)[] = [];
  /** Where each stands in its heap, by number; -1 outside any. */
  heapAt = new Int32Array(ROOM_FIRST).fill(-1);
  private readonly free: number[] = [];

  /** The number of one that comes. */
  enter(item: T): number {
    const slot = this.free.pop() ?? this.items.length;
    this.items[slot] = item;
    if (slot >= this.heapAt.length) {
      const { heapAt } = this;
      this.heapAt = new Int32Array(2 * heapAt.length).fill(-1);
      this.heapAt.set(heapAt);
    }
    return slot;
  }

  /** One that stands in no heap goes. */
  leave(slot: number): void {
    this.items[slot] = undefined;
    this.free.push(slot);
  }
}

/** A column of numbers with room for `slot`, one beyond the last at most: 0 where nothing was set. */
export const widened = <C extends Float64Array | Int32Array>(column: C, slot: number): C => {
  if (slot < column.length) return column;
  const wide = new (column.constructor as new (length: number) => C)(Math.max(2 * column.length, ROOM_FIRST));
  wide.set(column);
  return wide;
};
