/**
 * The workers as this gateway hears them, whether its replica leads or not.
 *
 * R1  What is old says so: an entry has its age, a worker that was silent for the limit is `silent`, and after FORGET_SILENCES
 *     of that it is dropped; only while this gateway can hear.
 * R2  A late message changes nothing: neither an older one of the same boot, nor one of a boot that was replaced.
 * R3  Nobody is told that there is no such worker by one that has not listened for long enough to hear all (HEAR_ALL_MS).
 */
import type { BootId, WorkerId } from '@zerofleet/model';
import type { Ready } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';

/** Workers speak each second: by then all that live have spoken, in ms. */
const HEAR_ALL_MS = 2_000;
const FORGET_SILENCES = 10;
/** Workers that are remembered, at most; the one that was silent for longest goes first. */
const WORKERS_MAX = 10_000;
/** Boots of one worker that are known to be over. */
const PAST_BOOTS_MAX = 8;

/** A worker's last Ready. */
export interface Heard {
  readonly ready: Ready;
  readonly ageMs: number;
  readonly isSilent: boolean;
}

interface Entry {
  readonly ready: Ready;
  readonly heardMs: number;
  readonly pastBoots: readonly BootId[];
}

export class Roster {
  private readonly clock: Clock;
  private readonly silenceMs: number;
  /** The one that was heard longest ago is first. */
  private readonly entries = new Map<WorkerId, Entry>();
  /** Since when it hears without a break; undefined while it does not. */
  private listeningSinceMs: number | undefined;

  constructor(clock: Clock, silenceMs: number) {
    this.clock = clock;
    this.silenceMs = silenceMs;
  }

  /** Whether it has listened for long enough to know all workers (R3). */
  get knowsAll(): boolean {
    return this.listeningSinceMs !== undefined && this.clock.nowMs() - this.listeningSinceMs >= HEAR_ALL_MS;
  }

  /** It hears from now on, or no more. */
  listening(hears: boolean): void {
    this.listeningSinceMs = hears ? this.clock.nowMs() : undefined;
  }

  hear(ready: Ready): void {
    const before = this.entries.get(ready.worker);
    if (before !== undefined && isLate(ready, before)) return;
    this.entries.delete(ready.worker);
    this.entries.set(ready.worker, {
      ready,
      heardMs: this.clock.nowMs(),
      pastBoots: before === undefined ? [] : pastBootsOf(ready, before),
    });
    this.forget();
  }

  /** All that are known, by name. */
  all(): Heard[] {
    this.forget();
    return [...this.entries.values()]
      .map((entry) => this.heardOf(entry))
      .sort((a, b) => (a.ready.worker < b.ready.worker ? -1 : 1));
  }

  get(worker: WorkerId): Heard | undefined {
    this.forget();
    const entry = this.entries.get(worker);
    return entry === undefined ? undefined : this.heardOf(entry);
  }

  private heardOf({ ready, heardMs }: Entry): Heard {
    const ageMs = this.clock.nowMs() - heardMs;
    return { ready, ageMs, isSilent: ageMs > this.silenceMs };
  }

  /** R1. */
  private forget(): void {
    const nowMs = this.clock.nowMs();
    for (const [worker, { heardMs }] of this.entries) {
      const sinceMs = Math.max(heardMs, this.listeningSinceMs ?? nowMs);
      const isGone = nowMs - sinceMs > FORGET_SILENCES * this.silenceMs;
      if (!isGone && this.entries.size <= WORKERS_MAX) return;
      this.entries.delete(worker);
    }
  }
}

/** R2. */
const isLate = (ready: Ready, before: Entry): boolean =>
  ready.boot === before.ready.boot ? ready.seq <= before.ready.seq : before.pastBoots.includes(ready.boot);

const pastBootsOf = ({ boot }: Ready, { ready, pastBoots }: Entry): readonly BootId[] =>
  boot === ready.boot ? pastBoots : [...pastBoots, ready.boot].slice(-PAST_BOOTS_MAX);
