/**
 * How long jobs of a tool take, for one tenant: an exponentially weighted mean for warm starts and one for cold ones.
 * What a tenant has not shown yet is guessed from all tenants of the tool.
 */
import type { Tool } from './lane.js';

/** Weight of the newest runtime. */
const NEWEST = 0.2;
/** The guess where nobody has shown anything yet, ms. */
export const ESTIMATE_MS_DEFAULT = 1_000;
/** Nothing is for free: even a job that takes no time at all moves its tenant on. */
export const ESTIMATE_MS_MIN = 0.1;

/** Two means; NaN while unknown. */
export class Runtimes {
  private warmMs = NaN;
  private coldMs = NaN;
  /** How the last one started. */
  startedWarm = true;

  /** The mean, ms; NaN when unknown. */
  mean(warm: boolean): number {
    return warm ? this.warmMs : this.coldMs;
  }

  learn(warm: boolean, ranMs: number): void {
    this.startedWarm = warm;
    const known = this.mean(warm);
    const mean = Number.isNaN(known) ? ranMs : known + NEWEST * (ranMs - known);
    if (warm) this.warmMs = mean;
    else this.coldMs = mean;
  }
}

/** A tenant's use of one tool. */
export class Meter extends Runtimes {
  readonly tool: Tool;
  /** Jobs of the tenant and tool that run. */
  running = 0;

  constructor(tool: Tool) {
    super();
    this.tool = tool;
  }

  /** What the next job is taken to cost, ms of runtime: by its like, else by what is known of the tool's other starts. */
  estimateMs(warm: boolean): number {
    const all = this.tool.runtimes;
    const like = either(this.mean(warm), all.mean(warm));
    const known = Number.isNaN(like) ? either(this.mean(!warm), all.mean(!warm)) : like;
    return Math.max(either(known, ESTIMATE_MS_DEFAULT), ESTIMATE_MS_MIN);
  }

  /** What its jobs take, however they start, ms. */
  get usualMs(): number {
    return this.estimateMs(this.startedWarm);
  }

  override learn(warm: boolean, ranMs: number): void {
    super.learn(warm, ranMs);
    this.tool.runtimes.learn(warm, ranMs);
  }
}

const either = (mean: number, instead: number): number => (Number.isNaN(mean) ? instead : mean);
