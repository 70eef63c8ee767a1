/**
 * When a pool is used again, learned from the times between its uses: the times for which a container standing there pays.
 * After "Serverless in the Wild" (ATC '20), with a price in the place of its percentiles.
 *
 * A minute of standing pays when the uses that it catches are worth the time that containers stand for them: with `worthMs` for
 * each use, and n uses of the last ones that came in that minute or next to it, while m of them came then or later, when
 * (n - 1) x worthMs >= three minutes x m. The one that is left out is what a single use proves: nothing, it had to come some time.
 * So a tool that is called every half hour has a container around each half hour and none in between, and one that is
 * called at random pays for none once its calls are rarer than one in `worthMs`.
 */

const MINUTE_MS = 60_000;
/** Longer times are only known to be longer, in minutes. */
const SPAN = 240;
/** Times that are remembered. */
const KEPT = 64;
/** Times before they are judged by. */
const ENOUGH = 5;
/** A use that comes sooner belongs to the one before it, in ms. */
const SAME_MS = 1_000;

export class IdleTimes {
  private readonly worthMs: number;
  private readonly keepMs: number;
  private readonly kept: number[] = [];
  private next = 0;
  /** Uses by the minute in which they came; the last one counts all that came later. */
  private readonly minutes = new Uint8Array(SPAN + 1);
  private readonly pays = new Uint8Array(SPAN);
  private usedAtMs: number | undefined;

  /** `keepMs`: how long to stand while too little is known. */
  constructor(worthMs: number, keepMs: number) {
    this.worthMs = worthMs;
    this.keepMs = keepMs;
  }

  used(nowMs: number): void {
    const idleMs = this.usedAtMs === undefined ? 0 : nowMs - this.usedAtMs;
    this.usedAtMs = nowMs;
    if (idleMs < SAME_MS) return;
    this.remember(Math.min(SPAN, Math.floor(idleMs / MINUTE_MS)));
    this.judge();
  }

  /** Whether a container that stands there now pays. */
  isWorth(nowMs: number): boolean {
    if (this.usedAtMs === undefined) return false;
    const idleMs = nowMs - this.usedAtMs;
    if (this.kept.length < ENOUGH) return idleMs < this.keepMs;
    return this.pays[Math.floor(idleMs / MINUTE_MS)] === 1;
  }

  private remember(minute: number): void {
    const oldest = this.kept[this.next];
    if (oldest !== undefined) this.minutes[oldest] = (this.minutes[oldest] ?? 0) - 1;
    this.kept[this.next] = minute;
    this.minutes[minute] = (this.minutes[minute] ?? 0) + 1;
    this.next = (this.next + 1) % KEPT;
  }

  private judge(): void {
    let later = this.kept.length;
    for (let minute = 0; minute < SPAN; minute += 1) {
      const here = this.minutes[minute] ?? 0;
      const around =
        (this.minutes[minute - 1] ?? 0) + here + (minute + 1 < SPAN ? (this.minutes[minute + 1] ?? 0) : 0);
      this.pays[minute] = around > 1 && (around - 1) * this.worthMs >= 3 * MINUTE_MS * later ? 1 : 0;
      later -= here;
    }
  }
}
