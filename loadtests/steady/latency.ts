/**
 * Latencies as they are and as an open system would have seen them.
 *
 * H1  `corrected` fills in the requests that a connection could not send while it waited, one for each interval of its
 *     own rate (coordinated omission). autocannon's own correction takes 1 ms for every interval and is never used.
 * H2  A request without an answer counts with the time it was waited for; it is never left out.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

const US_PER_MS = 1_000;
const US_PER_S = 1_000_000;
/** Latencies are kept up to this, in µs; longer ones count as this. */
const LATENCY_US_MAX = 600 * US_PER_S;
const DIGITS = 3;

/** The histograms as text, for another process. */
export interface EncodedLatency {
  readonly raw: string;
  readonly corrected: string;
}

export interface Percentiles {
  readonly n: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Latency {
  private readonly raw: Histogram;
  private readonly corrected: Histogram;

  private constructor(raw: Histogram, corrected: Histogram) {
    this.raw = raw;
    this.corrected = corrected;
  }

  static empty(): Latency {
    return new Latency(emptyHistogram(), emptyHistogram());
  }

  static decode({ raw, corrected }: EncodedLatency): Latency {
    return new Latency(decodeFromCompressedBase64(raw), decodeFromCompressedBase64(corrected));
  }

  encode(): EncodedLatency {
    return {
      raw: encodeIntoCompressedBase64(this.raw),
      corrected: encodeIntoCompressedBase64(this.corrected),
    };
  }

  /** One request that took `ms`, on a connection with `ratePerConnection` requests a second. */
  record(ms: number, ratePerConnection: number): void {
    const us = Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * US_PER_MS)));
    this.raw.recordValue(us);
    this.corrected.recordValueWithExpectedInterval(us, Math.round(US_PER_S / ratePerConnection));
  }

  percentiles(of: 'raw' | 'corrected'): Percentiles {
    const histogram = this[of];
    const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / US_PER_MS;
    return {
      n: histogram.totalCount,
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: at(100),
    };
  }
}

const emptyHistogram = (): Histogram =>
  build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: DIGITS,
    autoResize: false,
  });
