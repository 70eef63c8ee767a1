/** The worker's metrics, read at two times: what happened between them. */
const ANSWER_MS = 5_000;
const MS_PER_S = 1_000;
const SAMPLE = /^(zf_[a-z_]+)(?:\{(.*)\})? (\S+)$/;

interface Sample {
  readonly name: string;
  /** As written: `how="warm"`. */
  readonly labels: readonly string[];
  readonly value: number;
}

/** One reading. */
export class WorkerMetrics {
  private readonly samples: readonly Sample[];

  constructor(text: string) {
    this.samples = text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
      return name === undefined ? [] : [{ name, labels: labels.split(','), value: Number(value) }];
    });
  }

  /** Reads the admin listener at `adminUrl`. */
  static async read(adminUrl: string): Promise<WorkerMetrics> {
    const answer = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return new WorkerMetrics(await answer.text());
  }

  /** The sum of the samples with that name and those labels. */
  value(name: string, ...labels: readonly string[]): number {
    return this.samplesOf(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** A histogram in seconds; of all its label sets that have `labels` together. */
  spread(name: string, ...labels: readonly string[]): Spread {
    const counts = new Map<number, number>();
    for (const sample of this.samplesOf(`${name}_bucket`, labels)) {
      const bound = /^le="(.+)"$/.exec(sample.labels.find((label) => label.startsWith('le=')) ?? '')?.[1];
      const boundMs = bound === '+Inf' ? Infinity : Number(bound) * MS_PER_S;
      counts.set(boundMs, (counts.get(boundMs) ?? 0) + sample.value);
    }
    return new Spread(counts);
  }

  private samplesOf(name: string, labels: readonly string[]): readonly Sample[] {
    return this.samples.filter(
      (one) => one.name === name && labels.every((label) => one.labels.includes(label)),
    );
  }
}

/** Counts of times up to each bound, in ms. */
export class Spread {
  private readonly counts: ReadonlyMap<number, number>;

  constructor(counts: ReadonlyMap<number, number> = new Map()) {
    this.counts = counts;
  }

  get n(): number {
    return this.counts.get(Infinity) ?? 0;
  }

  plus(other: Spread): Spread {
    return this.combined(other, 1);
  }

  /** What came since the reading `earlier` of the same histogram. */
  since(earlier: Spread): Spread {
    return this.combined(earlier, -1);
  }

  /** The value that `share` do not exceed, as far as the bounds tell it; infinite above the last one, NaN of none. */
  quantileMs(share: number): number {
    const wanted = share * this.n;
    let [belowMs, before] = [0, 0];
    for (const [boundMs, count] of [...this.counts].sort(([a], [b]) => a - b)) {
      if (count > 0 && count >= wanted) {
        if (boundMs === Infinity) return Infinity;
        return belowMs + ((boundMs - belowMs) * (wanted - before)) / Math.max(1, count - before);
      }
      [belowMs, before] = [boundMs, count];
    }
    return NaN;
  }

  private combined(other: Spread, sign: 1 | -1): Spread {
    const bounds = new Set([...this.counts.keys(), ...other.counts.keys()]);
    const at = (bound: number): number =>
      (this.counts.get(bound) ?? 0) + sign * (other.counts.get(bound) ?? 0);
    return new Spread(new Map([...bounds].map((bound) => [bound, at(bound)])));
  }
}
