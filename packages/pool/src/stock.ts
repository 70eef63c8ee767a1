/**
 * How many warm containers of one pool should stand ready.
 *
 * The largest of three, between the configured minimum and the policy's most. Base: what outlasts the jobs that come while a
 * container is replaced, 99 of 100 times even where they come more often than of late, as long as they come often enough to pay
 * for one that waits. Burst: as many as came at once of late, those among them that come all the time. Floor: one where the next
 * job is about to come. Burst on top of base was tried: it costs an eighth more container-seconds, for a tenth fewer cold starts
 * than the same buys elsewhere.
 *
 * T1  It grows at once and shrinks slowly: after SHRINK_AFTER_MS of wanting less, by one each SHRINK_EACH_MS.
 */
import { IdleTimes } from './idle-times.js';
import type { PoolPolicy } from './policy.js';
import { baseStock } from './poisson.js';
import { Rate } from './rate.js';

const FAST_S = 6;
const SLOW_S = 60;
const MISS_SHARE = 0.01;
/**
 * So many times the jobs of late are reckoned with: a rate that rises has emptied the stock before an average shows it, and
 * starts take longer while many are under way. A busy pool may rise to the fourfold at once; for pools that are not, that much
 * costs more container-seconds than a keep-alive of 10 minutes where each tool has one tenant (test/sim/pool).
 */
const SURGE = 1.5;
const BUSY_SURGE = 3;
/** Jobs a second from which on a pool is busy. */
const BUSY_PER_S = 1;
const SHRINK_AFTER_MS = 60_000;
const SHRINK_EACH_MS = 5_000;
/** Jobs that come within this, or within the time of a start where that is longer, come at once, in ms. */
const AT_ONCE_MS = 100;
/** How long a burst is expected again, in minutes. */
const BURST_MINUTES = 10;
const MINUTE_MS = 60_000;
const MS_PER_S = 1_000;

export class Stock {
  /** Never less than so many stand ready. */
  min = 0;
  /** Its tools have another image now: nothing is expected any more but what still comes. */
  isRetired = false;
  private readonly policy: PoolPolicy;
  private readonly fast = new Rate(FAST_S);
  private readonly slow = new Rate(SLOW_S);
  private readonly uses: IdleTimes;
  private readonly bursts: IdleTimes;
  /** When the last jobs came that asked for a new container, as many as the largest burst. */
  private readonly recent: number[] = [];
  /** The largest burst of each of the last minutes, with its minute. */
  private readonly peaks: { minute: number; size: number }[] = [];
  /** How many jobs came at once, the last one with them. */
  atOnce = 0;
  private lastBurst = 0;
  private held = 0;
  private reachedAtMs = 0;
  private shrunkAtMs = 0;

  constructor(policy: PoolPolicy) {
    this.policy = policy;
    this.uses = new IdleTimes(policy.worthMs, policy.keepMs);
    this.bursts = new IdleTimes(policy.worthMs, policy.keepMs);
  }

  /** A job asked for a new container: one that no container of its own tenant served. */
  demanded(nowMs: number, leadMs: number): void {
    this.fast.add(nowMs);
    this.slow.add(nowMs);
    this.uses.used(nowMs);
    this.notePeak(nowMs, Math.max(leadMs, AT_ONCE_MS));
  }

  /** Jobs a second that ask for a new container. */
  ratePerS(nowMs: number): number {
    return Math.max(this.fast.perS(nowMs), this.slow.perS(nowMs));
  }

  /** Jobs a second that a container standing ready has to expect: what it is worth. */
  expectedPerS(nowMs: number): number {
    return Math.max(this.ratePerS(nowMs), MS_PER_S / this.policy.worthMs);
  }

  /** How many should stand ready, when one takes `leadMs` to replace. Called often enough, it shrinks as T1 says. */
  target(nowMs: number, leadMs: number): number {
    const wanted = this.wanted(nowMs, leadMs);
    if (wanted >= this.held) {
      this.held = wanted;
      this.reachedAtMs = nowMs;
    } else if (nowMs - this.reachedAtMs >= SHRINK_AFTER_MS && nowMs - this.shrunkAtMs >= SHRINK_EACH_MS) {
      this.held -= 1;
      this.shrunkAtMs = nowMs;
    }
    return this.held;
  }

  /** What is wanted now, without what is held on to. */
  wanted(nowMs: number, leadMs: number): number {
    const { stockMax } = this.policy;
    const base = this.base(nowMs, leadMs);
    if (this.isRetired) return Math.min(stockMax, Math.max(this.min, base));
    const floor = this.uses.isWorth(nowMs) ? 1 : 0;
    return Math.min(stockMax, Math.max(this.min, floor, base, this.burst(nowMs)));
  }

  /** What outlasts the jobs that come while one is replaced; 0 where they are too rare to pay for one that waits. */
  base(nowMs: number, leadMs: number): number {
    const { stockMax, worthMs } = this.policy;
    const perS = this.ratePerS(nowMs);
    if (perS * worthMs < MS_PER_S) return 0;
    const surge = perS >= BUSY_PER_S ? BUSY_SURGE : SURGE;
    return baseStock((surge * perS * leadMs) / MS_PER_S, MISS_SHARE, stockMax);
  }

  /** Takes over what another one holds, as if its jobs had come here. */
  inherit(other: Stock, nowMs: number): void {
    this.held = Math.max(this.held, other.held);
    this.reachedAtMs = nowMs;
  }

  private notePeak(nowMs: number, withinMs: number): void {
    const { recent, policy } = this;
    recent.push(nowMs);
    if (recent.length > policy.burstMax + 1) recent.shift();
    this.atOnce = 0;
    for (let n = recent.length - 1; n >= 0 && (recent[n] ?? 0) > nowMs - withinMs; n -= 1) this.atOnce += 1;
    const size = Math.min(policy.burstMax, this.atOnce);
    if (size < 2) return;
    this.bursts.used(nowMs);
    this.lastBurst = size;
    const minute = Math.floor(nowMs / MINUTE_MS);
    const peak = (this.peaks[minute % BURST_MINUTES] ??= { minute, size });
    if (peak.minute === minute) peak.size = Math.max(peak.size, size);
    else Object.assign(peak, { minute, size });
  }

  /** As many as came at once in the last minutes, or the last time where the next one is about to come. */
  private burst(nowMs: number): number {
    if (this.lastBurst === 0 || !this.bursts.isWorth(nowMs)) return 0;
    const minute = Math.floor(nowMs / MINUTE_MS);
    let size = this.lastBurst;
    for (const peak of this.peaks)
      if (peak !== undefined && minute - peak.minute < BURST_MINUTES) size = Math.max(size, peak.size);
    return size;
  }
}
