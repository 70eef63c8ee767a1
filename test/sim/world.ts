/**
 * A whole shard under a virtual clock: real replicas over in-memory ports, model workers, tenants, and faults drawn from the
 * seed. One seed is one history: first a storm, with every invariant checked at every step, then calm, in which everything
 * must end.
 */
import type { Attempt, BootId, JobId, WorkerId } from '@zerofleet/model';
import type { OutcomePort, WorkerPort } from '@zerofleet/coordinator';
import type { Done, DoneReply, UsagePage } from '@zerofleet/protocol';
import {
  FaultBook,
  MemoryControls,
  MemoryLog,
  MemoryOutcomeStore,
  MemoryPages,
  MemoryBlobs,
  MemoryOutcomes,
  ModelWorker,
  Prng,
  VirtualClock,
  Wire,
  newExchange,
  type LeaderLine,
  type ProcessClock,
} from '@zerofleet/testkit';
import { Auditor, SLOTS } from './auditor.js';
import type { Defect } from './defects.js';
import { FAULT_TABLE, UPGRADE_FAULT_TABLE } from './fault-table.js';
import { TOOL } from './jobs.js';
import { Mischief } from './mischief.js';
import { PurgeLaw } from './purge-law.js';
import { SimQuotas } from './quotas.js';
import type { OldNode } from './old-node.js';
import { ReplicaNode } from './replica-node.js';
import { Tenants } from './tenants.js';
import { Upgrade, type UpgradeKind } from './upgrade.js';

const REPLICAS = 3;
const WORKERS = 3;
const JOBS = 150;
const STORM_MS = 24_000;
/** Everything ends within this of the end of the storm, in ms. */
const CALM_MS_MAX = 150_000;
/** Room that leaked is back within this, in ms (I6). */
const HEAL_MS = 10_000;
const REQUEST_TIMEOUT_MS = 500;
/** So long after a stall a worker may still be called lost for it, in ms. */
const STALL_SEEN_MS = 10_000;

/** What kind of history it is; by default one of this release alone, with faults. */
export interface WorldOptions {
  readonly defect?: Defect;
  readonly stormy?: boolean;
  readonly upgrade?: UpgradeKind | undefined;
}

export class World {
  readonly seed: number;
  readonly defect: Defect;
  readonly prng: Prng;
  readonly clock = new VirtualClock();
  readonly book: FaultBook;
  readonly wire: Wire;
  readonly log = new MemoryLog();
  readonly pages = new MemoryPages();
  readonly settings = new MemoryControls();
  /** What leaders noted of what tenants use. */
  readonly usagePages = new Map<number, UsagePage>();
  readonly outcomes = new MemoryOutcomeStore(this.clock);
  readonly exchange = newExchange();
  /** Blobs by name. */
  readonly shelf = new Map<string, Uint8Array>();
  /** Attempts that their worker said are lost. */
  private readonly saidLost = new Set<string>();
  readonly auditor = new Auditor(this.outcomes, (...attempt) => this.mayBeLost(...attempt));
  readonly tenants: Tenants;
  /** Undefined while a fleet is updated: the release before knows none. */
  readonly quotas: SimQuotas | undefined;
  readonly nodes: ReplicaNode[] = [];
  /** Undefined where every replica is of this release, and free to write its format. */
  readonly upgrade: Upgrade | undefined;
  readonly workers: ModelWorker[] = [];
  readonly trace: string[] = [];
  /** Steps of the clock. */
  steps = 0;
  private readonly law = new PurgeLaw(this.pages, this.outcomes);
  private lawDue = false;
  private readonly stormy: boolean;

  constructor(seed: number, options: WorldOptions = {}) {
    this.seed = seed;
    this.defect = options.defect ?? 'none';
    this.stormy = options.stormy ?? true;
    this.prng = new Prng(seed);
    const table = options.upgrade === undefined ? FAULT_TABLE : UPGRADE_FAULT_TABLE;
    this.book = new FaultBook(table, this.prng, (place, kind) => this.note(`fault ${place} ${kind}`));
    if (!this.stormy) this.book.end();
    this.wire = new Wire(this.clock, this.prng, () => this.book);
    this.plantDefect();
    this.listen();
    if (options.upgrade === undefined) this.quotas = new SimQuotas(this);
    this.tenants = new Tenants(this);
    this.upgrade = options.upgrade && new Upgrade(this, options.upgrade);
    for (let n = 1; n <= REPLICAS; n += 1) this.nodes.push(new ReplicaNode(this, `c${n}`));
    if (this.upgrade === undefined) for (const node of this.nodes) node.start();
    else this.upgrade.begin(this.nodes);
    for (let n = 1; n <= WORKERS; n += 1) this.workers.push(this.newWorker(`w${n}` as WorkerId));
  }

  /** Runs the history; what is wrong with it, empty when nothing is. */
  async run(): Promise<readonly string[]> {
    const rejected = (error: unknown): void => this.auditor.fail(`unhandled: ${String(error)}`);
    process.on('unhandledRejection', rejected);
    try {
      await this.storm();
      await this.calm();
    } catch (error) {
      this.auditor.fail(`thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    } finally {
      process.off('unhandledRejection', rejected);
    }
    return this.auditor.failures;
  }

  get leaderChanges(): number {
    return this.auditor.epochs - 1;
  }

  /** Every replica, of whichever release. */
  get replicas(): readonly (ReplicaNode | OldNode)[] {
    const before = this.upgrade?.before;
    return before === undefined ? this.nodes : [...this.nodes, before];
  }

  /** The newest leader there is. */
  leader(): ReplicaNode | OldNode | undefined {
    const leaders = this.replicas.filter((node) => node.leads);
    return leaders.sort((a, b) => (b.engine?.epoch ?? 0) - (a.engine?.epoch ?? 0))[0];
  }

  note(text: string): void {
    this.trace.push(`${this.clock.nowMs()} ${text}`);
  }

  // Phases

  private async storm(): Promise<void> {
    this.tenants.plan(JOBS, STORM_MS);
    const mischief = this.stormy ? new Mischief(this) : undefined;
    await this.advance(STORM_MS, () => false);
    this.book.end();
    mischief?.end();
    this.quotas?.end();
  }

  private async calm(): Promise<void> {
    if (this.auditor.failures.length > 0) return;
    const quiet = (): boolean =>
      this.tenants.open === 0 &&
      this.auditor.isDone &&
      this.outcomes.isIndexed &&
      this.upgrade?.isOver !== false;
    const ended = await this.advance(CALM_MS_MAX, quiet);
    if (this.auditor.failures.length > 0) return;
    if (!ended) this.auditor.fail(`unfinished after ${CALM_MS_MAX} ms of calm`);
    await this.advance(HEAL_MS, () => false);
    if (this.auditor.failures.length > 0) return;
    this.auditor.close();
    this.upgrade?.close();
    this.checkHealed();
    this.checkLaw();
    if (this.auditor.failures.length > 0) return;
    let wrong: string[] | undefined;
    void this.tenants.lookAtAll().then((found) => {
      wrong = found;
    });
    if (!(await this.advance(CALM_MS_MAX, () => wrong !== undefined)))
      this.auditor.fail('the last look-ups hang');
    for (const what of wrong ?? []) this.auditor.fail(what);
  }

  /** Lets time pass until `until`, `ms` at most; whether `until` came, or nothing more can. */
  private async advance(ms: number, until: () => boolean): Promise<boolean> {
    const endMs = this.clock.nowMs() + ms;
    while (this.clock.nowMs() < endMs && this.auditor.failures.length === 0) {
      if (until()) return true;
      this.steps += 1;
      if (!(await this.clock.step())) return until();
      if (this.lawDue) this.checkLaw();
    }
    return until();
  }

  /** Whether an attempt may be lost, at least for one who looks from outside. */
  private mayBeLost(worker: WorkerId, boot: BootId, id: JobId, attempt: Attempt): boolean {
    const at = this.workers.find((one) => one.worker === worker);
    if (at === undefined || at.boot !== boot || !at.holds(id, attempt)) return true;
    const stalled = !at.clock.awake || this.clock.nowMs() - at.clock.wokeAtMs < STALL_SEEN_MS;
    return stalled || this.saidLost.has(`${id}/${attempt}`);
  }

  /** One leads and the others follow; I6: nothing holds room any more, in the leader's eyes or at a worker. */
  private checkHealed(): void {
    const leaders = this.replicas.filter((node) => node.leads);
    if (leaders.length !== 1) this.auditor.fail(`${leaders.length} replicas lead at the end`);
    for (const { name, leads, replica } of this.nodes)
      if (!leads && replica?.foldedTo !== this.log.lastSeq)
        this.auditor.fail(
          `${name} follows up to ${replica?.foldedTo}, the ledger ends at ${this.log.lastSeq}`,
        );
    const whole = SLOTS * TOOL.pool.resources.cpuMilli;
    const view = leaders[0]?.engine?.fleetView().workers ?? [];
    const free = view.map(({ freeCpuMilli }) => freeCpuMilli).join(' ');
    if (free !== Array.from({ length: WORKERS }, () => whole).join(' '))
      this.auditor.fail(`I6: free room is ${free}`);
    for (const worker of this.workers)
      if (worker.load > 0) this.auditor.fail(`I6: ${worker.worker} still holds ${worker.load} attempts`);
  }

  private checkLaw(): void {
    this.lawDue = false;
    for (const what of this.law.check(this.auditor.commits, this.log.firstSeq)) this.auditor.fail(what);
  }

  // Parts

  private plantDefect(): void {
    if (this.defect === 'unfenced-ledger') this.log.fence = 'none';
    if (this.defect === 'fence-by-sequence-only') this.log.fence = 'sequence-only';
    if (this.defect === 'index-says-none') this.outcomes.saysNone = true;
  }

  private listen(): void {
    this.log.onStored = (seq, bytes, by) => {
      this.auditor.onStored(seq, bytes, by);
      this.upgrade?.onStored(seq, bytes, by);
      const commit = this.auditor.commits.at(-1);
      for (const event of commit?.events ?? []) this.quotas?.take(event);
      this.note(
        `stored ${seq} ${commit?.epoch}/${commit?.batch} ${commit?.events.map(({ kind }) => kind).join(' ')}`,
      );
    };
    this.log.onPurged = (by) => {
      this.note(`purged up to ${this.log.firstSeq}`);
      this.upgrade?.onPurged(this.log.firstSeq, by);
      this.lawDue = true;
    };
    this.log.onFull = () => this.book.strike('ledger.append', 'full');
    this.pages.onDropped = () => {
      this.lawDue = true;
    };
    this.outcomes.onProject = (batch) => this.auditor.onProject(batch);
  }

  /** The outcomes as `process` reaches them. */
  outcomesOf(process: ProcessClock): OutcomePort {
    const outcomes = new MemoryOutcomes(this.outcomes, process, this.wire);
    return this.upgrade?.outcomesOf(outcomes) ?? outcomes;
  }

  /** The workers as `process` reaches them. */
  workerPort(process: ProcessClock): WorkerPort {
    const find = (id: WorkerId): ModelWorker => {
      const worker = this.workers.find((one) => one.worker === id);
      if (worker === undefined) throw new Error(`no worker ${id}`);
      return worker;
    };
    const request = <T>(what: string, id: WorkerId, act: (worker: ModelWorker) => T): Promise<T> => {
      const worker = find(id);
      return this.wire.request(`worker.${what}`, process, [worker.clock], REQUEST_TIMEOUT_MS, () =>
        act(worker),
      );
    };
    return {
      callRoster: () => {
        for (const worker of this.workers)
          this.wire.send('worker.roster', process, worker.clock, () => worker.roster());
      },
      run: (id, message) => request('run', id, (worker) => worker.run(message)),
      stop: (id, message) => request('stop', id, (worker) => worker.stop(message)),
    };
  }

  private newWorker(name: WorkerId): ModelWorker {
    const line: LeaderLine = {
      ready: (message) => {
        const told =
          this.defect === 'room-overstated'
            ? { ...message, room: { cpuMilli: 6_000, memoryMiB: 8_192 } }
            : message;
        for (const node of this.replicas)
          this.wire.send('worker.ready', worker.clock, node.process, () => node.engine?.ready(told));
      },
      done: (message) => this.done(worker.clock, message),
    };
    const worker: ModelWorker = new ModelWorker({
      worker: name,
      clock: this.clock,
      prng: this.prng,
      line,
      blobs: (process) => new MemoryBlobs(this.shelf, process, this.wire, this.book),
      room: { cpuMilli: SLOTS * TOOL.pool.resources.cpuMilli, memoryMiB: 4_096 },
      onExecution: (execution) => {
        const { id, attempt, worker: at } = execution;
        this.note(`run ${id} attempt ${attempt} on ${at}`);
        this.auditor.onExecution(execution);
        if (this.defect === 'double-run' && this.prng.chance(1, 50)) this.auditor.onExecution(execution);
      },
    });
    return worker;
  }

  /** Whoever listens as leader hears it, and the first answer counts. */
  private done(from: ProcessClock, message: Done): Promise<DoneReply | undefined> {
    for (const { id, attempt, end } of message.ends)
      if (end.kind === 'lost') this.saidLost.add(`${id}/${attempt}`);
    const leaders = this.replicas.filter((node) => node.leads);
    const ask = (at: ProcessClock): Promise<DoneReply> => {
      const engine = leaders.find(({ process }) => process === at)?.engine;
      if (engine === undefined) return new Promise(() => undefined);
      const reply = engine.done(message);
      return this.defect === 'early-confirm' ? Promise.resolve({ retry: [] }) : reply;
    };
    const processes = leaders.map((node) => node.process);
    return this.wire.request('worker.done', from, processes, REQUEST_TIMEOUT_MS, ask).catch(() => undefined);
  }
}
