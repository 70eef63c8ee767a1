/**
 * A whole shard under a virtual clock: the real engine over an in-memory ledger, model workers, tenants that submit and
 * cancel, and faults drawn from the seed. One seed is one history.
 */
import type {
  JobEnvelope,
  JobId,
  OutcomeKind,
  TenantId,
  ToolDefinition,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import { Engine, type JobSnapshot, type WorkerPort } from '@zerofleet/coordinator';
import type { OutcomeRecord } from '@zerofleet/protocol';
import { silentLogger } from '@zerofleet/runtime';
import {
  MemoryLedger,
  MemoryLog,
  ModelWorker,
  NO_LEDGER_FAULTS,
  Prng,
  ProcessClock,
  VirtualClock,
  type Execution,
  type LeaderLine,
  type LedgerFaults,
} from '@zerofleet/testkit';

/** Planted defects: each must be caught by the audit of some seed. */
export type Defect =
  'none' | 'unfenced-ledger' | 'fence-by-sequence-only' | 'double-run' | 'early-confirm' | 'outcome-dropped';

const RESOURCES = { cpuMilli: 1_000, memoryMiB: 256, pids: 64, workMiB: 16, tmpMiB: 16 };
export const TOOL: ToolDefinition = {
  name: 'echo' as ToolName,
  version: 1,
  description: 'says what it was told',
  adapter: 'native',
  pool: { image: 'tools', runtime: 'runc', resources: RESOURCES },
  limits: { timeoutMsDefault: 10_000, timeoutMsMax: 60_000, outputBytes: 1_024 },
  reuse: 'tenant',
  arguments: {},
};
const TOOLS = new Map([[TOOL.name, TOOL]]);
const WORKER_SILENCE_MS = 4_000;
const REQUEST_TIMEOUT_MS = 500;

/** One life of a coordinator. */
interface Replica {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly engine: Engine;
  state: 'starting' | 'leading' | 'over';
}

export class World {
  readonly seed: number;
  readonly prng: Prng;
  readonly clock = new VirtualClock();
  readonly log = new MemoryLog();
  readonly workers: ModelWorker[] = [];
  /** Jobs that their tenant was told are accepted. */
  readonly accepted = new Map<JobId, { readonly tenant: TenantId; readonly maxAttempts: number }>();
  readonly executions: Execution[] = [];
  readonly projected = new Map<JobId, OutcomeRecord>();
  /** Final states that a tenant's listener heard. */
  readonly heard = new Map<JobId, OutcomeKind[]>();
  readonly faultsHit = new Map<string, number>();
  readonly trace: string[] = [];
  /** What must never happen, as seen by the world itself. */
  readonly failures: string[] = [];
  leaderChanges = 0;
  private readonly defect: Defect;
  private faults: LedgerFaults = NO_LEDGER_FAULTS;
  private messageLossPermille = 0;
  private outcomeFailPermille = 0;
  private replicas: Replica[] = [];
  private steps = 0;

  constructor(seed: number, defect: Defect = 'none') {
    this.seed = seed;
    this.prng = new Prng(seed);
    this.defect = defect;
    if (defect === 'unfenced-ledger') this.log.fence = 'none';
    if (defect === 'fence-by-sequence-only') this.log.fence = 'sequence-only';
    this.log.onFault = (name) => this.hit(name);
    this.startReplica();
    for (let n = 1; n <= 3; n += 1) this.workers.push(this.newWorker(`w${n}`));
  }

  /** Runs one seed: faults while jobs come in, then calm until everything ended. */
  async run(options: { readonly jobs: number; readonly stepsMax: number }): Promise<void> {
    this.faults = { lost: 8, storedButUnanswered: 8, unreadable: 100, latencyMs: 20, timeoutMs: 1_000 };
    this.messageLossPermille = 20;
    this.outcomeFailPermille = 50;
    this.scheduleSubmissions(options.jobs);
    this.scheduleMischief();
    const stormSteps = Math.floor(options.stepsMax * 0.5);
    await this.advance(stormSteps, () => this.steps >= stormSteps);
    this.calm();
    await this.advance(options.stepsMax * 4, () => this.quiet());
    if (!this.quiet()) this.failures.push(`${this.unfinished().length} jobs never ended`);
  }

  get stepCount(): number {
    return this.steps;
  }

  /** Accepted jobs without a projected outcome. */
  unfinished(): JobId[] {
    return [...this.accepted.keys()].filter((id) => !this.projected.has(id));
  }

  private quiet(): boolean {
    return this.unfinished().length === 0 && this.workers.every((worker) => worker.load === 0);
  }

  private async advance(limit: number, until: () => boolean): Promise<void> {
    for (let n = 0; n < limit && !until(); n += 1) {
      this.steps += 1;
      if (!(await this.clock.step())) return;
    }
  }

  private calm(): void {
    this.faults = NO_LEDGER_FAULTS;
    this.messageLossPermille = 0;
    this.outcomeFailPermille = 0;
    this.mischief = false;
    for (const worker of this.workers) worker.clock.wake();
    for (const replica of this.replicas) replica.clock.wake();
    if (this.leader() === undefined) this.startReplica();
  }

  private hit(fault: string): void {
    this.faultsHit.set(fault, (this.faultsHit.get(fault) ?? 0) + 1);
    this.note(`fault ${fault}`);
  }

  private note(text: string): void {
    this.trace.push(`${this.clock.nowMs().toFixed(0)} ${text}`);
  }

  // Coordinators

  private leader(): Replica | undefined {
    return this.replicas.findLast((replica) => replica.state !== 'over' && replica.clock.alive);
  }

  private startReplica(): void {
    const clock = new ProcessClock(this.clock);
    const name = `c${this.leaderChanges + 1}`;
    this.leaderChanges += 1;
    const engine = new Engine({
      ledger: new MemoryLedger(this.log, clock, this.prng, () => this.faults),
      workers: this.workerPort(clock),
      outcomes: { project: (record) => this.project(clock, record) },
      clock,
      log: silentLogger(),
      tools: TOOLS,
      leader: name,
      queuedMax: 100_000,
      payloadBytesMax: 2 ** 30,
      commitWindow: 3,
      workerSilenceMs: WORKER_SILENCE_MS,
      onLost: () => {
        replica.state = 'over';
        this.note(`${name} is over`);
        if (this.leader() === undefined) clock.after(0, () => this.startReplica());
      },
    });
    const replica: Replica = { name, clock, engine, state: 'starting' };
    this.replicas = [...this.replicas.filter((one) => one.state !== 'over' && one.clock.alive), replica];
    this.note(`${name} starts`);
    void this.elect(replica);
  }

  /** A replica whose start fails is over, and the next one tries: an engine serves one reign only. */
  private async elect(replica: Replica): Promise<void> {
    try {
      await replica.engine.start();
      if (replica.state === 'starting') replica.state = 'leading';
    } catch (error) {
      replica.state = 'over';
      const reason = error instanceof Error ? error.message : String(error);
      if (!/unreadable|not elected/.test(reason))
        this.failures.push(`${replica.name} cannot lead: ${reason}`);
      else replica.clock.after(100, () => this.startReplica());
    }
  }

  private async project(clock: ProcessClock, record: OutcomeRecord): Promise<void> {
    await new Promise<void>((resolve) => clock.after(this.prng.between(1, 10), resolve));
    if (this.prng.chance(this.outcomeFailPermille, 1_000)) {
      this.hit('projection failed');
      throw new Error('outcome store is away');
    }
    if (this.defect === 'outcome-dropped' && this.prng.chance(1, 50)) return;
    this.projected.set(record.job.id, record);
  }

  // Messages

  /** Delivers after a while, in `to`'s process; false when it was lost on the way. */
  private send(to: ProcessClock, act: () => void): void {
    if (this.prng.chance(this.messageLossPermille, 1_000)) {
      this.hit('message lost');
      return;
    }
    const delayMs = this.prng.between(0, 5);
    this.clock.after(delayMs, () => to.deliver(act));
    if (!this.prng.chance(this.messageLossPermille, 2_000)) return;
    this.hit('message doubled');
    this.clock.after(delayMs + this.prng.between(0, 300), () => to.deliver(act));
  }

  private request<T>(from: ProcessClock, to: () => ProcessClock, ask: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      from.after(REQUEST_TIMEOUT_MS, () => reject(new Error('no answer')));
      this.send(to(), () => {
        void Promise.resolve(ask()).then((answer) => this.send(from, () => resolve(answer)));
      });
    });
  }

  private workerPort(clock: ProcessClock): WorkerPort {
    const find = (id: WorkerId): ModelWorker => {
      const worker = this.workers.find((one) => one.worker === id);
      if (worker === undefined) throw new Error(`no worker ${id}`);
      return worker;
    };
    return {
      callRoster: () => {
        for (const worker of this.workers) this.send(worker.clock, () => worker.roster());
      },
      run: (id, message) =>
        this.request(
          clock,
          () => find(id).clock,
          () => find(id).run(message),
        ),
      stop: (id, message) =>
        this.request(
          clock,
          () => find(id).clock,
          () => find(id).stop(message),
        ),
    };
  }

  private newWorker(name: string): ModelWorker {
    const self = (): ProcessClock => worker.clock;
    const line: LeaderLine = {
      ready: (message) => {
        for (const replica of this.replicas) this.send(replica.clock, () => replica.engine.ready(message));
      },
      done: (message) => {
        const replica = this.leader();
        if (replica === undefined)
          return new Promise((resolve) => self().after(REQUEST_TIMEOUT_MS, () => resolve(undefined)));
        const ask = async (): Promise<Awaited<ReturnType<Engine['done']>>> => {
          const reply = replica.engine.done(message);
          return this.defect === 'early-confirm' ? { v: 1, kind: 'confirmed' } : reply;
        };
        return this.request(self(), () => replica.clock, ask).catch(() => undefined);
      },
    };
    const worker: ModelWorker = new ModelWorker({
      worker: name as WorkerId,
      clock: this.clock,
      prng: this.prng,
      line,
      room: { cpuMilli: 4_000, memoryMiB: 4_096 },
      onExecution: (execution) => {
        this.executions.push(execution);
        if (this.defect === 'double-run' && this.prng.chance(1, 50)) this.executions.push(execution);
        this.note(`run ${execution.id} attempt ${execution.attempt} on ${execution.worker}`);
      },
    });
    return worker;
  }

  // Tenants

  private scheduleSubmissions(jobs: number): void {
    let atMs = 0;
    for (let n = 0; n < jobs; n += 1) {
      atMs += this.prng.between(0, 60);
      this.clock.after(atMs, () => this.submit());
    }
  }

  private submit(): void {
    const replica = this.leader();
    if (replica === undefined) return;
    const envelope = this.newJob();
    replica.clock.deliver(() => {
      const { engine } = replica;
      const unlisten = engine.feed.listen(envelope.id, (job) => this.hear(job));
      void engine.submit(envelope).then((reply) => {
        if (reply.kind !== 'accepted') return unlisten();
        this.accepted.set(envelope.id, { tenant: envelope.tenant, maxAttempts: envelope.maxAttempts });
        this.note(`accepted ${envelope.id}`);
        if (this.prng.chance(1, 10)) this.scheduleCancel(envelope);
      });
    });
  }

  private scheduleCancel(envelope: JobEnvelope): void {
    this.clock.after(this.prng.between(0, 3_000), () => {
      const replica = this.leader();
      replica?.clock.deliver(() => void replica.engine.cancel(envelope.tenant, envelope.id));
    });
  }

  private hear(job: JobSnapshot): void {
    if (job.state.kind !== 'finished') return;
    const kinds = this.heard.get(job.envelope.id) ?? [];
    this.heard.set(job.envelope.id, [...kinds, job.state.outcome.kind]);
  }

  private newJob(): JobEnvelope {
    return {
      id: this.prng.uuid(7) as JobId,
      tenant: this.prng.pick(['a', 'b', 'c']) as TenantId,
      tool: TOOL.name,
      toolVersion: 1,
      class: 'normal',
      session: null,
      decision: { release: 'sim', adapter: 'native', mode: 'warm', revision: 0, reason: 'sim' },
      payload: { kind: 'inline', bytes: 2, payload: { arguments: {}, files: [] } },
      timeoutMs: 10_000,
      maxAttempts: this.prng.pick([1, 2, 3]),
      acceptedAtMs: this.clock.wallMs(),
    };
  }

  // Faults

  private mischief = true;

  private scheduleMischief(): void {
    this.clock.after(this.prng.between(200, 2_500), () => {
      if (!this.mischief) return;
      this.doMischief();
      this.scheduleMischief();
    });
  }

  private doMischief(): void {
    const worker = this.prng.pick(this.workers);
    const leader = this.leader();
    switch (this.prng.between(0, 5)) {
      case 0:
        this.hit('worker killed');
        worker.restart();
        break;
      case 1:
        this.hit('worker stalled');
        worker.clock.sleep();
        this.clock.after(this.prng.between(500, 9_000), () => worker.clock.wake());
        break;
      case 2:
        this.hit('leader killed');
        leader?.clock.kill();
        this.clock.after(this.prng.between(50, 1_500), () => this.startReplica());
        break;
      case 3:
        if (leader === undefined) break;
        this.hit('leader stalled, another elected');
        leader.clock.sleep();
        this.clock.after(this.prng.between(100, 3_000), () => this.startReplica());
        this.clock.after(this.prng.between(200, 9_000), () => leader.clock.wake());
        break;
      case 4:
        if (leader === undefined) break;
        this.hit('leader stalled');
        leader.clock.sleep();
        this.clock.after(this.prng.between(500, 3_000), () => leader.clock.wake());
        break;
      default:
        this.hit('clock jumped');
        this.clock.jump(this.prng.between(-3_600_000, 3_600_000));
    }
  }
}
