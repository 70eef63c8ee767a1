/** Jobs that wait to be sent: batches form from what arrives in one turn or while calls are under way, never by waiting. */

export interface OutboxOptions {
  /** Jobs in one call, at most. */
  readonly batch: number;
  /** Calls under way, at most. */
  readonly calls: number;
}

export class Outbox {
  private readonly send: (jobs: readonly number[]) => Promise<void>;
  private readonly options: OutboxOptions;
  private waiting: number[] = [];
  private calls = 0;
  private flushing = false;

  /** `send` must not reject. */
  constructor(send: (jobs: readonly number[]) => Promise<void>, options: OutboxOptions) {
    this.send = send;
    this.options = options;
  }

  push(n: number): void {
    this.waiting.push(n);
    if (this.flushing || this.calls >= this.options.calls) return;
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    const { batch, calls } = this.options;
    while (this.waiting.length > 0 && this.calls < calls) {
      const jobs = this.waiting.length <= batch ? this.waiting : this.waiting.slice(0, batch);
      this.waiting = this.waiting.length <= batch ? [] : this.waiting.slice(batch);
      this.calls += 1;
      void this.send(jobs).then(() => {
        this.calls -= 1;
        this.flush();
      });
    }
  }
}
