/** Runs histories, checks each, and prints what they came to: seeds, events, faults by place. */
import { expect } from 'vitest';
import { FaultHits } from './fault-hits.js';
import { FAULT_TABLE, UPGRADE_FAULT_TABLE, UPGRADE_FAULTS } from './fault-table.js';
import type { UpgradeKind } from './upgrade.js';
import { World } from './world.js';

/** What every history must hold. */
const EVENTS_MIN = 5_000;
const FAULTS_MIN = 20;
const LEADER_CHANGES_MIN = 2;
/** What must have happened somewhere in a set: a simulation in which it never does proves nothing about it. */
const MUST_HAPPEN = [
  'accepted',
  'carried',
  'parked',
  'cancel_requested',
  'requeued: worker_lost',
  'requeued: handed_back',
  'requeued: retry',
  'finished: succeeded',
  'finished: tool_error',
  'finished: timed_out',
  'finished: start_failed',
  'finished: worker_lost',
  'finished: cancelled',
  'finished: expired',
  'told: accepted',
  'told: replayed',
  'told: found',
  'told: heard',
];
/** The same of histories in which a fleet is updated. */
const MUST_HAPPEN_IN_UPGRADES = [
  'new after before, with live jobs',
  'before after new, with live jobs',
  'raised, with live jobs',
  'format 1',
  'format 2',
  'format 2 met by before',
  'carried',
  'parked',
  'requeued: worker_lost',
  'requeued: handed_back',
  'requeued: retry',
  'finished: succeeded',
  'finished: cancelled',
  'refused: upgrading',
  'told: accepted',
  'told: heard',
];

export class Report {
  private readonly title: string;
  private readonly upgrades: boolean;
  private readonly hits: FaultHits;
  private readonly happened = new Map<string, number>();
  private histories = 0;
  private events = 0;
  private faults = 0;
  private leaderChanges = 0;

  /** `upgrades`: of histories in which a fleet is updated, which must show other things. */
  constructor(title: string, upgrades = false) {
    this.title = title;
    this.upgrades = upgrades;
    this.hits = new FaultHits(upgrades ? UPGRADE_FAULT_TABLE : FAULT_TABLE);
  }

  /** Runs one history and expects it to be right. */
  async check(seed: number, upgrade?: UpgradeKind): Promise<void> {
    const world = new World(seed, { upgrade });
    expect(await world.run(), `seed ${seed} ${upgrade ?? ''}`).toEqual([]);
    expect(world.steps, `seed ${seed}: events`).toBeGreaterThanOrEqual(EVENTS_MIN);
    expect(world.book.total, `seed ${seed}: faults`).toBeGreaterThanOrEqual(FAULTS_MIN);
    expect(world.leaderChanges, `seed ${seed}: leader changes`).toBeGreaterThanOrEqual(LEADER_CHANGES_MIN);
    this.hits.add(world.book);
    for (const [what, count] of world.auditor.counts)
      this.happened.set(what, (this.happened.get(what) ?? 0) + count);
    this.histories += 1;
    this.events += world.steps;
    this.faults += world.book.total;
    this.leaderChanges += world.leaderChanges;
  }

  /** Prints the set, and expects that every fault struck wherever it can, and that everything happened somewhere. */
  end(): void {
    const happened = [...this.happened].sort().map(([what, count]) => `${what} ${count}`);
    process.stdout.write(
      `\n${this.title}: ${this.histories} histories, ${this.events} events, ${this.faults} faults, ` +
        `${this.leaderChanges} leader changes\n${this.hits.toString()}\n${happened.join(', ')}\n`,
    );
    expect(this.hits.emptyOf(this.upgrades ? UPGRADE_FAULTS : FAULT_TABLE)).toEqual([]);
    const mustHappen = this.upgrades ? MUST_HAPPEN_IN_UPGRADES : MUST_HAPPEN;
    expect(mustHappen.filter((what) => !this.happened.has(what))).toEqual([]);
  }
}
