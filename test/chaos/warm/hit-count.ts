/**
 * How many claims of several workers found a container, over restarts of the workers: their counters begin again at 0 with each.
 *
 * What a worker counted between the last look and its end is not seen; a worker that drains takes no jobs then.
 */
const CLAIMS = 'zf_pool_claims_total';
const MISSES = 'zf_pool_misses_total';
const DISK = 'zf_images_disk_used_ratio';

/** Samples of a Prometheus text: name with labels, and value. */
const samplesOf = (text: string): [string, number][] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    });

export class HitCount {
  private readonly urls: readonly string[];
  /** Of each worker what each counter stood at when it was last seen. */
  private readonly last = new Map<string, number>();
  private readonly counts = new Map<string, number>();
  /** Why claims had to wait. */
  private readonly misses = new Map<string, number>();

  constructor(urls: readonly string[]) {
    this.urls = urls;
  }

  /** Forgets what was counted so far. */
  async begin(): Promise<void> {
    await this.look();
    this.counts.clear();
    this.misses.clear();
  }

  /** Adds what was counted since the last look. */
  async look(): Promise<void> {
    for (const url of this.urls)
      for (const [name, value] of await this.read(url)) {
        const isClaim = name.startsWith(`${CLAIMS}{`);
        const label = /="(\w+)"/.exec(name)?.[1];
        if ((!isClaim && !name.startsWith(`${MISSES}{`)) || label === undefined) continue;
        const key = `${url} ${name}`;
        const counts = isClaim ? this.counts : this.misses;
        counts.set(label, (counts.get(label) ?? 0) + value - (this.last.get(key) ?? 0));
        this.last.set(key, value);
      }
  }

  /** The worker at `url` has ended: the counters of the next one say nothing of this one's. */
  ended(url: string): void {
    for (const key of this.last.keys()) if (key.startsWith(`${url} `)) this.last.delete(key);
  }

  get claims(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Of all claims, the share that found a container. */
  get share(): number {
    return 1 - (this.counts.get('cold') ?? 0) / this.claims;
  }

  get summary(): string {
    const wordsOf = (counts: ReadonlyMap<string, number>): string =>
      [...counts].flatMap(([label, count]) => (count === 0 ? [] : `${count} ${label}`)).join(', ');
    const share = `${(100 * this.share).toFixed(1)} % hits`;
    return `${wordsOf(this.counts)}: ${share}; misses: ${wordsOf(this.misses) || 'none'}`;
  }

  /** Of the engine's disk, the share that is used. */
  async diskShare(): Promise<number> {
    const samples = new Map(await this.read(this.urls[0] ?? ''));
    return samples.get(DISK) ?? Number.NaN;
  }

  private async read(url: string): Promise<[string, number][]> {
    const answer = await fetch(`${url}/metrics`).catch(() => undefined);
    return answer === undefined ? [] : samplesOf(await answer.text());
  }
}
