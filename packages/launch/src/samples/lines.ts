/** Turns pieces of text into whole lines. */

export class Lines {
  private rest = '';
  private readonly take: (line: string) => void;

  constructor(take: (line: string) => void) {
    this.take = take;
  }

  /** Passes on each line that `piece` completes. */
  add(piece: string): void {
    const lines = (this.rest + piece).split('\n');
    this.rest = lines.pop() ?? '';
    lines.forEach(this.take);
  }

  /** Passes on what came without a newline. */
  end(): void {
    if (this.rest !== '') this.take(this.rest);
    this.rest = '';
  }
}
