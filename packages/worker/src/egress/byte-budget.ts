/** What a job may send and receive through all of its tunnels, in bytes. */
export class ByteBudget {
  private left: number;
  private readonly onSpent: () => void;

  constructor(bytes: number, onSpent: () => void) {
    this.left = bytes;
    this.onSpent = onSpent;
  }

  get isSpent(): boolean {
    return this.left === 0;
  }

  /** How many of `bytes` are within it; they count. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.left);
    this.left -= taken;
    return taken;
  }

  /** There were bytes beyond it. */
  spent(): void {
    this.onSpent();
  }
}
