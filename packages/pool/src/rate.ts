/** How often something happens: an average that forgets exponentially. */

const MS_PER_S = 1_000;

export class Rate {
  private readonly forgetMs: number;
  private value = 0;
  private atMs = 0;

  /** `forgetS`: what happened so long ago counts 1/e. */
  constructor(forgetS: number) {
    this.forgetMs = forgetS * MS_PER_S;
  }

  add(nowMs: number): void {
    this.value = this.perS(nowMs) + MS_PER_S / this.forgetMs;
    this.atMs = nowMs;
  }

  perS(nowMs: number): number {
    return this.value === 0 ? 0 : this.value * Math.exp((this.atMs - nowMs) / this.forgetMs);
  }
}
