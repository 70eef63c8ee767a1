/** What is due next: a binary heap by time, then by the order of entry. */

interface Due {
  readonly atMs: number;
  readonly no: number;
  readonly act: () => void;
}

const isBefore = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.no < b.no);

export class Agenda {
  nowMs = 0;
  private readonly heap: Due[] = [];
  private made = 0;

  at(atMs: number, act: () => void): void {
    const due: Due = { atMs, no: this.made, act };
    this.made += 1;
    let slot = this.heap.length;
    this.heap.push(due);
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const above = this.heap[parent];
      if (above === undefined || !isBefore(due, above)) break;
      this.heap[slot] = above;
      slot = parent;
    }
    this.heap[slot] = due;
  }

  /** Does all that is due until `untilMs`, in its order. */
  run(untilMs: number): void {
    for (let next = this.heap[0]; next !== undefined && next.atMs <= untilMs; next = this.heap[0]) {
      this.drop();
      this.nowMs = next.atMs;
      next.act();
    }
    this.nowMs = untilMs;
  }

  private drop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    let slot = 0;
    for (;;) {
      let child = 2 * slot + 1;
      const [left, right] = [this.heap[child], this.heap[child + 1]];
      if (left !== undefined && right !== undefined && isBefore(right, left)) child += 1;
      const below = this.heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      this.heap[slot] = below;
      slot = child;
    }
    this.heap[slot] = last;
  }
}
