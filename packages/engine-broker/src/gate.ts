/** Lets so many tasks run at once; the others wait in order. */
export class Gate {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(width: number) {
    this.free = width;
  }

  /**
   * Runs `task` when there is a place; the place is free again when it ends. Returns undefined without running it when
   * nobody wants it any more by then.
   */
  async run<T>(isWanted: () => boolean, task: () => Promise<T>): Promise<T | undefined> {
    if (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.free -= 1;
    try {
      return isWanted() ? await task() : undefined;
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
