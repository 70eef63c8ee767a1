/**
 * The law of purge: what is left of the ledger, with the pages that are left, folds to the same live state as all of it.
 * Every page that a commit names is read, as it stands.
 */
import { ShardState } from '@zerofleet/coordinator';
import type { JobId } from '@zerofleet/model';
import { decodePage, type Commit, type ParkedJob } from '@zerofleet/protocol';
import type { MemoryOutcomeStore, MemoryPages } from '@zerofleet/testkit';

const NEED = { room: { cpuMilli: 0, memoryMiB: 0 }, poolKey: '', mode: 'warm', outcomeBytesMax: 0 } as const;
const newState = (): ShardState => new ShardState({ needOf: () => NEED, changed: () => undefined });

export class PurgeLaw {
  private readonly pages: MemoryPages;
  private readonly outcomes: MemoryOutcomeStore;
  private readonly decoded = new Map<number, readonly ParkedJob[]>();
  /** The fold of all of the ledger so far. */
  private readonly whole = newState();
  private wholeSeq = 0;

  constructor(pages: MemoryPages, outcomes: MemoryOutcomeStore) {
    this.pages = pages;
    this.outcomes = outcomes;
  }

  /** What is wrong; `commits` from sequence 1 on, of which those from `firstSeq` on are left. */
  check(commits: readonly Commit[], firstSeq: number): string[] {
    for (; this.wholeSeq < commits.length; this.wholeSeq += 1)
      this.replay(this.whole, commits[this.wholeSeq], this.wholeSeq + 1);
    const left = newState();
    try {
      for (let seq = firstSeq; seq <= commits.length; seq += 1) this.replay(left, commits[seq - 1], seq);
    } catch (error) {
      return [`purge: the ledger from ${firstSeq} on cannot be folded: ${String(error)}`];
    }
    const wrong = this.compare(left);
    if (left.epoch !== this.whole.epoch)
      wrong.push(`purge: the epoch is ${left.epoch}, not ${this.whole.epoch}`);
    return wrong.map((what) => `${what} (from ${firstSeq} to ${commits.length})`);
  }

  private replay(state: ShardState, commit: Commit | undefined, seq: number): void {
    if (commit === undefined) return;
    const pages = new Map<number, readonly ParkedJob[]>();
    for (const event of commit.events)
      if (event.kind === 'parked') pages.set(event.page, this.read(event.page));
    state.replay(commit, seq, pages);
  }

  private read(page: number): readonly ParkedJob[] {
    const bytes = this.pages.get(page);
    if (bytes === undefined) return [];
    const known = this.decoded.get(page);
    if (known !== undefined) return known;
    const parsed = decodePage(bytes);
    if (!parsed.ok) throw new Error(`page ${page}: ${parsed.reason}`);
    this.decoded.set(page, parsed.value);
    return parsed.value;
  }

  private compare(left: ShardState): string[] {
    const wrong: string[] = [];
    for (const [id, { state }] of this.whole.jobs) {
      const found = left.jobs.get(id)?.state;
      // What ended may be gone once its outcome can be read elsewhere.
      if (found === undefined && state.kind === 'finished' && this.outcomes.records.has(id)) continue;
      if (JSON.stringify(found) !== JSON.stringify(state))
        wrong.push(`purge: ${id} is ${shortly(found)}, not ${shortly(state)}`);
    }
    for (const id of left.jobs.keys())
      if (!this.whole.jobs.has(id)) wrong.push(`purge: ${id} is back from the dead`);
    if (pagesOf(left) !== pagesOf(this.whole))
      wrong.push(`purge: pages are ${pagesOf(left)}, not ${pagesOf(this.whole)}`);
    return wrong;
  }
}

const shortly = (state: { readonly kind: string } | undefined): string =>
  state === undefined ? 'gone' : JSON.stringify(state).slice(0, 120);

/** Pages with their live jobs. */
const pagesOf = (state: ShardState): string => {
  const ids = new Map<number, JobId[]>();
  for (const { id, home, state: of } of state.jobs.values())
    if (home < 0 && of.kind !== 'finished') ids.set(-home, [...(ids.get(-home) ?? []), id]);
  return JSON.stringify([...ids].sort(([a], [b]) => a - b).map(([page, of]) => [page, of.sort()]));
};
