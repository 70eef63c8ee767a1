/** A coordinator process of the simulation: one life of a replica after the other, as the shard service runs them. */
import { Controls, JobFeed, Replica, type Engine, type UpkeepLimits } from '@zerofleet/coordinator';
import { LEDGER_FORMAT, type LedgerFormat } from '@zerofleet/protocol';
import { silentLogger } from '@zerofleet/runtime';
import {
  MemoryBlobs,
  MemoryLedger,
  MemoryLine,
  MemoryTimers,
  MemoryUsage,
  ProcessClock,
} from '@zerofleet/testkit';
import { faultyLedger, faultyOutcomes, faultyWorkers } from './defects.js';
import { CATALOG } from './jobs.js';
import type { World } from './world.js';

/** Jobs that may be queued in the simulated shard. */
export const QUEUED_MAX = 60;
/** Longer than any history, in ms. */
export const KEPT_MS = 3_600_000;
export const WORKER_SILENCE_MS = 4_000;
const LIFE_PAUSE_MS = 500;
/** Small enough that jobs are carried, parked and purged all the time. */
export const UPKEEP: UpkeepLimits = {
  logFactor: 1.5,
  logSlackBytes: 2_000,
  carryShare: 0.5,
  fullShare: 0.6,
  farMs: 3_000,
  purgeMessagesMin: 4,
  electionMs: 10_000,
};
/** Why a life may be over; anything else is a bug. */
const PROPER_END = /no answer|failed|leadership lost|purged past|the ledger ends at/;

export class ReplicaNode {
  readonly name: string;
  process: ProcessClock;
  /** What this process's listeners hear. */
  feed = new JobFeed();
  /** What this process knows of settings. */
  controls = new Controls();
  line: MemoryLine;
  replica: Replica | undefined;
  engine: Engine | undefined;
  /** The newest ledger format that this life may write. */
  hold: LedgerFormat = LEDGER_FORMAT;
  private readonly world: World;
  private lives = 0;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.process = new ProcessClock(world.clock);
    this.line = new MemoryLine(world.exchange, this.process, world.wire);
    this.process.kill();
  }

  /** Starts a process. */
  start(): void {
    this.process = new ProcessClock(this.world.clock);
    this.feed = new JobFeed();
    const isDeaf = this.world.defect === 'settings-unheard';
    this.controls = isDeaf ? new Controls() : this.world.settings.openFor(this.process);
    this.line = new MemoryLine(this.world.exchange, this.process, this.world.wire);
    this.live();
  }

  get blobs(): MemoryBlobs {
    const { shelf, wire, book } = this.world;
    return new MemoryBlobs(shelf, this.process, wire, book);
  }

  get leads(): boolean {
    return this.process.alive && this.engine !== undefined;
  }

  /** The process dies; another is started in its place after `pauseMs`. */
  kill(pauseMs: number): void {
    this.process.kill();
    this.engine = undefined;
    this.replica = undefined;
    this.world.clock.after(pauseMs, () => this.start());
  }

  /** The process is told to stop, and another is started in its place. */
  replace(): void {
    const { process } = this;
    void this.replica?.stop(1_000).then(() => {
      if (process === this.process && process.alive) this.kill(200);
    });
  }

  setOnline(online: boolean): void {
    if (!this.process.alive || this.process.online === online) return;
    this.process.online = online;
    this.process.deliver(() => this.replica?.linkChanged(online));
  }

  private live(): void {
    const { world, process, line } = this;
    const { prng, wire, book, defect } = world;
    this.lives += 1;
    this.hold = world.upgrade?.holdOf(this) ?? LEDGER_FORMAT;
    const ledger = new MemoryLedger(world.log, process, prng, () => book);
    const replica = new Replica({
      ledger: faultyLedger(ledger, defect, process),
      timers: new MemoryTimers(world.pages, process, wire, book),
      workers: faultyWorkers(world.workerPort(process), defect, prng),
      outcomes: faultyOutcomes(world.outcomesOf(process), defect, prng),
      line,
      clock: process,
      log: silentLogger(),
      tools: CATALOG.definitions,
      random: () => prng.next() / 2 ** 32,
      name: `${this.name}-${this.lives}`,
      queuedMax: QUEUED_MAX,
      payloadBytesMax: 1_500,
      keptMs: KEPT_MS,
      usage: new MemoryUsage(world.usagePages, process, wire),
      controls: this.controls,
      commitWindow: 3,
      workerSilenceMs: WORKER_SILENCE_MS,
      upkeep: UPKEEP,
      formatHold: this.hold,
      isConnected: () => process.online,
      feed: this.feed,
      onLeading: (engine) => {
        this.engine = engine;
        world.note(`${this.name} leads epoch ${engine.epoch}`);
      },
      onOver: (reason) => this.over(process, reason),
    });
    this.replica = replica;
    void replica.live();
  }

  private over(process: ProcessClock, reason: string): void {
    if (process !== this.process) return;
    this.engine = undefined;
    this.replica = undefined;
    this.world.note(`${this.name} is over: ${reason}`);
    if (!PROPER_END.test(reason)) this.world.auditor.fail(`replica ${this.name}: ${reason}`);
    process.after(LIFE_PAUSE_MS, () => this.live());
  }
}
