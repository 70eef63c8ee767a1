/**
 * A coordinator process of the release before, as a model: this release's engine, behind ports that know format 1 alone.
 *
 * B1  It takes the reign as soon as it starts, whoever leads, and follows nobody: it reads the ledger when it starts only.
 * B2  It hears the ends of attempts and nothing of the line between replicas: a probe is all that finds it.
 * B3  It writes what that release writes, and a message that its frozen reader does not take keeps it from leading.
 * B4  A reign that is over ends the process; whatever runs it starts another.
 */
import {
  Controls,
  Engine,
  Fold,
  FormatPolicy,
  JobFeed,
  type LedgerPort,
  PayloadStore,
  type TimerPort,
  type UsagePort,
} from '@zerofleet/coordinator';
import { silentLogger } from '@zerofleet/runtime';
import { MemoryBlobs, MemoryLedger, ProcessClock } from '@zerofleet/testkit';
import { writeCommitOne } from '../upgrade/format-one/reader.js';
import { CATALOG } from './jobs.js';
import { oldLedger, understood } from './old-ledger.js';
import { KEPT_MS, QUEUED_MAX, UPKEEP, WORKER_SILENCE_MS } from './replica-node.js';
import type { World } from './world.js';

const TRIES_MAX = 20;
const RETRY_MS = 250;
/** Pause between two tries to begin, in ms. */
const BEGIN_RETRY_MS = 500;
/** How long until a process that ended is started again, in ms. */
const AGAIN_MS = { least: 300, most: 5_000 } as const;
const STOP_MS = 1_000;

/** That release knows no timer stream. */
const NO_TIMERS: TimerPort = {
  store: () => Promise.reject(new Error('no timer stream')),
  get: () => Promise.resolve(undefined),
  drop: () => Promise.resolve(),
  list: () => Promise.resolve([]),
};

const NO_USAGE: UsagePort = { load: () => Promise.resolve([]), save: () => Promise.resolve() };

export class OldNode {
  readonly name: string;
  /** That release knows no settings. */
  readonly controls = new Controls();
  process: ProcessClock;
  engine: Engine | undefined;
  /** When it last asked the ledger for anything. */
  lastActedMs = -Infinity;
  /** Why it could not begin when it tried last; undefined once it leads. */
  trouble: string | undefined;
  private readonly world: World;
  private lives = 0;
  private wanted = false;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.process = new ProcessClock(world.clock);
    this.process.kill();
  }

  get leads(): boolean {
    return this.process.alive && this.engine !== undefined;
  }

  get blobs(): MemoryBlobs {
    const { shelf, wire, book } = this.world;
    return new MemoryBlobs(shelf, this.process, wire, book);
  }

  /** Runs it, and again whenever it ends, until it is told to go. */
  start(): void {
    this.wanted = true;
    if (this.process.alive) return;
    this.process = new ProcessClock(this.world.clock);
    this.lives += 1;
    void this.begin(this.process);
  }

  /** It is stopped in order, and stays away. */
  retire(): void {
    this.wanted = false;
    this.replace();
  }

  /** The process dies; another is started after `pauseMs`. */
  kill(pauseMs: number): void {
    this.world.exchange.old.delete(this.process);
    this.process.kill();
    this.engine = undefined;
    this.world.clock.after(pauseMs, () => {
      if (this.wanted) this.start();
    });
  }

  /** The process is told to stop, and another is started in its place. */
  replace(): void {
    const { process, engine } = this;
    const stopped = engine?.stop(STOP_MS) ?? Promise.resolve();
    void stopped.then(() => this.quit(process));
  }

  setOnline(online: boolean): void {
    if (!this.process.alive || this.process.online === online) return;
    this.process.online = online;
    this.process.deliver(() => this.engine?.linkChanged(online));
  }

  private quit(process: ProcessClock): void {
    if (process !== this.process || !process.alive) return;
    const { least, most } = AGAIN_MS;
    this.kill(this.world.prng.between(least, most));
  }

  private async begin(process: ProcessClock): Promise<void> {
    const { old } = this.world.exchange;
    for (;;) {
      try {
        old.add(process);
        await this.reign(process);
        this.trouble = undefined;
        return;
      } catch (error) {
        old.delete(process);
        this.trouble = error instanceof Error ? error.message : String(error);
        this.world.note(`${this.name} cannot begin: ${this.trouble}`);
      }
      await new Promise<void>((resolve) => process.after(BEGIN_RETRY_MS, resolve));
    }
  }

  private async reign(process: ProcessClock): Promise<void> {
    const { world } = this;
    const { prng } = world;
    const ledger = oldLedger(new MemoryLedger(world.log, process, prng, () => world.book), () => {
      if (process.online) this.lastActedMs = process.nowMs();
    });
    const payloads = new PayloadStore({ ledger, timers: NO_TIMERS, bytesMax: Infinity });
    const fold = new Fold({
      ...{ payloads, controls: this.controls, keptMs: KEPT_MS },
      tools: CATALOG.definitions,
      feed: new JobFeed(),
    });
    const leader = `${this.name}-${this.lives}`;
    const tailSeq = await this.elect(process, ledger, fold, leader);
    const engine = new Engine({
      ...{ ledger, fold, leader, tailSeq, timers: NO_TIMERS, usage: NO_USAGE, controls: this.controls },
      workers: world.workerPort(process),
      outcomes: world.outcomesOf(process),
      clock: process,
      log: silentLogger(),
      tools: CATALOG.definitions,
      random: () => prng.next() / 2 ** 32,
      queuedMax: QUEUED_MAX,
      commitWindow: 3,
      workerSilenceMs: WORKER_SILENCE_MS,
      upkeep: { ...UPKEEP, electionMs: 0 },
      format: new FormatPolicy(1, 1, process.nowMs()),
      onLost: (reason) => {
        world.note(`${this.name} ends: ${reason}`);
        this.quit(process);
      },
    });
    this.engine = engine;
    world.note(`${this.name}, of the release before, leads epoch ${engine.epoch}`);
    engine.begin();
  }

  /** B1. Throws when the ledger cannot be read or understood. */
  private async elect(
    process: ProcessClock,
    ledger: LedgerPort,
    fold: Fold,
    leader: string,
  ): Promise<number> {
    let tail = 0;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      tail = await ledger.read(tail + 1, (seq, bytes) => fold.replay(understood(seq, bytes), seq, new Map()));
      const epoch = fold.state.epoch + 1;
      const elected = { v: 1, epoch, batch: 0, atMs: process.wallMs() } as const;
      const bytes = writeCommitOne({ ...elected, events: [{ kind: 'elected', epoch, leader }] });
      // Fenced by the sequence alone: nothing else of this process is in flight.
      const result = await ledger.append(bytes, `${epoch}.${leader}.0`, { lastSeq: tail, lastId: null });
      if (result.kind === 'stored') {
        fold.state.epoch = epoch;
        return result.seq;
      }
      await new Promise<void>((resolve) => process.after(RETRY_MS, resolve));
    }
    throw new Error(`not elected in ${TRIES_MAX} tries`);
  }
}
