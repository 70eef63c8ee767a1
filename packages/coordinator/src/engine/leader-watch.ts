/**
 * Whether somebody leads: a standby asks the leader again and again, and says when it is time to stand for election.
 *
 * H1  Nobody listens as leader: at once, after a short random pause that keeps two standbys apart. A killed process is gone
 *     from the broker as soon as its connection is, so this is the usual way.
 * H2  The leader listens and does not answer: after SILENCE_MS, and only while this replica's own connection is up.
 * H3  A reign that has just begun is given time to begin.
 */
import { LEADER_VERSION, LEDGER_FORMAT } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { LeaderPort } from './ports.js';

/** Time between two questions, in ms. */
const PING_EVERY_MS = 150;
const PING_TIMEOUT_MS = 500;
/** The same for a leader of the release before, which logs each probe, in ms. */
const PROBE_EVERY_MS = 1_000;
/** A leader that listens is over when it was silent for so long, in ms: longer than it may sleep without knowing (certainty.ts). */
export const LEADER_SILENCE_MS = 2_000;
/** How long a new leader may take until it listens, in ms. */
const BEGIN_MS = 1_000;
/** Standbys wait up to this before they stand, in ms. */
const JITTER_MS = 100;

export interface LeaderWatchOptions {
  readonly line: LeaderPort;
  readonly clock: Clock;
  readonly replica: string;
  readonly random: () => number;
  readonly isConnected: () => boolean;
  /** Whether the last one elected is of the release before, which does not know pings. */
  readonly isOld: () => boolean;
}

export class LeaderWatch {
  private readonly options: LeaderWatchOptions;
  private lastAnswerMs: number;
  private lastElectedMs = -Infinity;
  private stopped = false;
  private following = false;

  constructor(options: LeaderWatchOptions) {
    this.options = options;
    this.lastAnswerMs = options.clock.nowMs();
  }

  /** Whether a leader answered lately. */
  get hasLeader(): boolean {
    return this.following && this.options.clock.nowMs() - this.lastAnswerMs < LEADER_SILENCE_MS;
  }

  /** Somebody was elected so long ago, in ms (H3). */
  elected(agoMs: number): void {
    this.lastElectedMs = this.options.clock.nowMs() - agoMs;
  }

  stop(): void {
    this.stopped = true;
  }

  /** Resolves when it is time to stand for election, or after `stop`. */
  async vacant(): Promise<void> {
    const { clock } = this.options;
    while (!this.stopped) {
      if (await this.isVacant()) {
        await this.pause(this.options.random() * JITTER_MS);
        if (this.stopped || (await this.isVacant())) return;
      }
      await this.pause(this.options.isOld() ? PROBE_EVERY_MS : PING_EVERY_MS);
      if (!this.options.isConnected()) this.lastAnswerMs = clock.nowMs();
    }
  }

  private async isVacant(): Promise<boolean> {
    const { clock, line, replica, isConnected } = this.options;
    if (!isConnected()) return false;
    const ping = { v: LEADER_VERSION, replica, format: LEDGER_FORMAT } as const;
    const answer = this.options.isOld()
      ? await line.probe(PING_TIMEOUT_MS)
      : await line.ping(ping, PING_TIMEOUT_MS);
    const nowMs = clock.nowMs();
    this.following = answer !== 'nobody';
    if (typeof answer === 'object' || answer === 'there') {
      this.lastAnswerMs = nowMs;
      return false;
    }
    if (nowMs - this.lastElectedMs < BEGIN_MS) return false;
    return answer === 'nobody' || nowMs - this.lastAnswerMs > LEADER_SILENCE_MS;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.options.clock.after(ms, resolve));
  }
}
