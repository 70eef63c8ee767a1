/** What a peer's worker tells its producer: the jobs whose outcome is stored, those of one turn in one message. */
export class Completions {
  private readonly send: (text: string) => void;
  private jobs: number[] = [];

  constructor(send: (text: string) => void) {
    this.send = send;
  }

  add(n: number): void {
    if (this.jobs.push(n) > 1) return;
    setImmediate(() => {
      this.send(JSON.stringify(this.jobs));
      this.jobs = [];
    });
  }
}

/** Tells `done` of every job that a message of Completions names. */
export const readCompletions = (text: string, done: (n: number) => void): void => {
  for (const n of JSON.parse(text) as number[]) done(n);
};
