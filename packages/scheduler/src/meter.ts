/**
 * How long jobs of a tool take, for one tenant: an exponentially weighted mean for warm starts and one for cold ones.
 * What a tenant has not shown yet is guessed from all tenants of the tool.
 */
import type { Tool } from './lane.js';
import { Roll, widened } from './roll.js';

/** Weight of the newest runtime. */
const NEWEST = 0.2;
/** The guess where nobody has shown anything yet, ms. */
export const ESTIMATE_MS_DEFAULT = 1_000;
/** Nothing is for free: even a job that takes no time at all moves its tenant on. */
export const ESTIMATE_MS_MIN = 0.1;

/** A row of numbers: the mean of cold starts and of warm ones, NaN while unknown; how the last one started; how many run. */
const COLD = 0;
const WARM = 1;
const STARTED = 2;
const RUNNING = 3;
const ROW = 4;

/** The rows of all tenants' tools, side by side, and those of the tools. */
export class Meters extends Roll<Meter> {
  private rows = new Float64Array(0);

  override enter(meter: Meter): number {
    const slot = super.enter(meter);
    this.rows = widened(this.rows, ROW * slot + ROW - 1);
    this.rows.fill(NaN, ROW * slot, ROW * slot + STARTED);
    this.rows[ROW * slot + STARTED] = WARM;
    this.rows[ROW * slot + RUNNING] = 0;
    return slot;
  }

  /** What the next job is taken to cost, ms of runtime: by its like, else by what is known of the tool's other starts. */
  estimateMs(slot: number, all: number, warm: boolean): number {
    const like = warm ? WARM : COLD;
    let ms = this.mean(slot, all, like);
    if (Number.isNaN(ms)) ms = this.mean(slot, all, WARM - like);
    return Number.isNaN(ms) ? ESTIMATE_MS_DEFAULT : Math.max(ms, ESTIMATE_MS_MIN);
  }

  /** What jobs take, however they start, ms. */
  usualMs(slot: number, all: number): number {
    return this.estimateMs(slot, all, this.rows[ROW * slot + STARTED] === WARM);
  }

  learn(slot: number, warm: boolean, ranMs: number): void {
    const { rows } = this;
    const like = warm ? WARM : COLD;
    const at = ROW * slot + like;
    const known = rows[at] as number;
    rows[at] = Number.isNaN(known) ? ranMs : known + NEWEST * (ranMs - known);
    rows[ROW * slot + STARTED] = like;
  }

  running(slot: number): number {
    return this.rows[ROW * slot + RUNNING] as number;
  }

  count(slot: number, jobs: number): void {
    (this.rows[ROW * slot + RUNNING] as number) += jobs;
  }

  private mean(slot: number, all: number, like: number): number {
    const own = this.rows[ROW * slot + like] as number;
    return Number.isNaN(own) ? (this.rows[ROW * all + like] as number) : own;
  }
}

/** A tenant's use of one tool, or that of all tenants. */
export class Meter {
  readonly slot: number;
  readonly tool: Tool;
  private readonly meters: Meters;

  constructor(tool: Tool, meters: Meters) {
    this.tool = tool;
    this.meters = meters;
    this.slot = meters.enter(this);
  }

  /** Jobs of the tenant and tool that run. */
  get running(): number {
    return this.meters.running(this.slot);
  }

  /** What its jobs take, however they start, ms. */
  get usualMs(): number {
    return this.meters.usualMs(this.slot, this.tool.all.slot);
  }
}
