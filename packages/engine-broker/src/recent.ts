/** An answer that costs much to get, and nothing to ask for: got once at a time, and given again for a while. */
export class Recent<T> {
  private readonly ask: () => Promise<T>;
  private readonly forMs: number;
  private last: { readonly atMs: number; readonly answer: Promise<T> } | undefined;

  constructor(forMs: number, ask: () => Promise<T>) {
    this.forMs = forMs;
    this.ask = ask;
  }

  /** An answer at most `forMs` old. Throws what the question throws. */
  get(): Promise<T> {
    const nowMs = performance.now();
    if (this.last === undefined || nowMs - this.last.atMs > this.forMs)
      this.last = { atMs: nowMs, answer: this.ask() };
    return this.last.answer;
  }

  /** What was answered is not so any more. */
  forget(): void {
    this.last = undefined;
  }
}
