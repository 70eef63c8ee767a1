/**
 * The real engine of a leader on a virtual clock: jobs are submitted when they arrive, committed to a ledger that always
 * answers at once, run for as long as they say on workers that do nothing, and end. Nothing costs time but the jobs
 * themselves, so what is seen is the engine's order alone, and it is the same on every machine.
 */
import {
  Controls,
  Engine,
  Fold,
  FormatPolicy,
  JobFeed,
  PayloadStore,
  UPKEEP_LIMITS,
} from '@zerofleet/coordinator';
import {
  poolKeyOf,
  type BootId,
  type JobEnvelope,
  type JobId,
  type Outcome,
  type TenantId,
  type ToolDefinition,
  type ToolName,
  type WorkerId,
} from '@zerofleet/model';
import {
  controlKeys,
  CONTROLS_VERSION,
  encodeJson,
  type Ready,
  type Run,
  type RunReply,
} from '@zerofleet/protocol';
import { silentLogger } from '@zerofleet/runtime';
import { settled, VirtualClock } from '@zerofleet/testkit';
import { nullOutcomes, NullLedger, NO_TIMERS, NO_USAGE } from './null-ports.js';
import type { SimJob } from './sim-job.js';

/** Gives jobs one after the other; undefined when there are no more. */
export type Stream = () => SimJob | undefined;

/** What is told of a job that starts. */
export interface Start {
  readonly job: SimJob;
  readonly atMs: number;
}

/** Slots of one host. */
const SLOTS_PER_HOST = 4;
const SLOT = { cpuMilli: 1_000, memoryMiB: 256 };
const ROOM = { cpuMilli: SLOT.cpuMilli * SLOTS_PER_HOST, memoryMiB: SLOT.memoryMiB * SLOTS_PER_HOST };
/** Jobs that are submitted at once, at most: more would be refused until the ledger has taken them. */
const SUBMITTED_AT_ONCE = 10_000;
const DECISION = { release: 'bench', adapter: 'native', mode: 'warm', revision: 0, reason: 'bench' } as const;
const DONE: Outcome = {
  kind: 'succeeded',
  report: {
    value: null,
    exitCode: 0,
    usage: { wallMs: 0, cpuMs: 0, maxRssKiB: 0 },
    output: { kind: 'inline', bytes: 0, truncated: false, chunks: [] },
  },
};

interface Host {
  readonly worker: WorkerId;
  readonly boot: BootId;
  seq: number;
  readonly held: Map<JobId, number>;
}

/** A tool of one slot, of a pool of its own; `fits` false: of a shape that no host has room for. */
export const toolOf = (n: number, fits: boolean): ToolDefinition => ({
  name: `tool-${n}`.replace('-', '_') as ToolName,
  version: 1,
  description: 'does nothing',
  adapter: 'native',
  pool: {
    image: `image-${n}`,
    runtime: 'runc',
    resources: {
      ...(fits ? SLOT : { ...SLOT, cpuMilli: ROOM.cpuMilli * 2 }),
      ...{ pids: 1, workMiB: 1, tmpMiB: 1 },
    },
  },
  limits: { timeoutMsDefault: 60_000, timeoutMsMax: 60_000, outputBytes: 1 },
  reuse: 'tenant',
  arguments: {},
});

export class Simulation {
  readonly clock = new VirtualClock();
  starts = 0;
  private readonly controls = new Controls();
  private readonly engine: Engine;
  private readonly hosts = new Map<WorkerId, Host>();
  private readonly jobs = new Map<JobId, SimJob>();
  private readonly warmKeys: readonly string[];
  private readonly started: (start: Start) => void;
  private serial = 0;
  private revision = 0;

  /** `warm`: tools of which every host has warm containers, always. */
  constructor(
    options: {
      readonly slots: number;
      readonly tools: readonly ToolDefinition[];
      readonly warm: readonly ToolDefinition[];
    },
    started: (start: Start) => void,
  ) {
    this.started = started;
    this.warmKeys = options.warm.map(({ pool }) => poolKeyOf(pool));
    this.engine = this.newEngine(options.tools);
    this.engine.begin();
    for (let n = 0; n * SLOTS_PER_HOST < options.slots; n += 1) this.addHost(n);
  }

  get nowMs(): number {
    return this.clock.nowMs();
  }

  /** Gives a tenant this weight. */
  setWeight(tenant: TenantId, weight: number): void {
    this.revision += 1;
    const record = { v: CONTROLS_VERSION, tenant, quotas: { weight }, createdAtMs: 0, by: 'bench' };
    this.controls.apply(controlKeys.tenant(tenant), encodeJson(record), this.revision);
  }

  /** Submits jobs now, however many. */
  async submit(jobs: readonly SimJob[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += SUBMITTED_AT_ONCE) {
      const batch = jobs.slice(from, from + SUBMITTED_AT_ONCE).map((job) => this.envelopeOf(job));
      for (const { kind } of await this.engine.submitAll(batch))
        if (kind !== 'accepted') throw new Error(`a job was ${kind}`);
    }
  }

  /** Lets the jobs of `stream` arrive when they say. */
  feed(stream: Stream): void {
    const job = stream();
    if (job === undefined) return;
    this.clock.after(job.arrivedMs - this.nowMs, () => {
      void this.engine.submit(this.envelopeOf(job)).then(({ kind }) => {
        if (kind !== 'accepted') throw new Error(`a job was ${kind}`);
      });
      this.feed(stream);
    });
  }

  /** Goes on until `untilMs`. */
  async run(untilMs: number): Promise<void> {
    await settled();
    while (this.nowMs < untilMs && (await this.clock.step()));
    await this.engine.stop(0);
  }

  private newEngine(tools: readonly ToolDefinition[]): Engine {
    const { clock, controls } = this;
    const definitions = new Map(tools.map((tool) => [tool.name, tool]));
    const ledger = new NullLedger();
    const payloads = new PayloadStore({ ledger, timers: NO_TIMERS, bytesMax: Infinity });
    const fold = new Fold({ tools: definitions, payloads, feed: new JobFeed(), controls, keptMs: 1e9 });
    fold.state.epoch = 1;
    controls.onChange((change) => fold.controlsChanged(change, clock.wallMs()));
    return new Engine({
      ...{ ledger, fold, clock, controls, tools: definitions },
      timers: NO_TIMERS,
      usage: NO_USAGE,
      outcomes: nullOutcomes,
      workers: {
        callRoster: () => undefined,
        run: (worker, run) => Promise.resolve(this.take(worker, run)),
        stop: () => Promise.resolve({ v: 1, known: true }),
      },
      log: silentLogger(),
      random: () => 0.5,
      leader: 'bench',
      tailSeq: 1,
      format: new FormatPolicy(2, 2, clock.nowMs()),
      queuedMax: 1e9,
      commitWindow: 4,
      workerSilenceMs: 1e12,
      upkeep: UPKEEP_LIMITS,
      onLost: (reason) => {
        throw new Error(`the reign ended: ${reason}`);
      },
    });
  }

  private envelopeOf(job: SimJob): JobEnvelope {
    this.serial += 1;
    const id = `00000000-0000-7000-8000-${this.serial.toString(16).padStart(12, '0')}` as JobId;
    this.jobs.set(id, job);
    const { tenant, tool, session } = job;
    return {
      ...{ id, tenant, tool, toolVersion: 1, class: job.class, decision: DECISION },
      ...{ timeoutMs: 60_000, maxAttempts: 1, acceptedAtMs: 0 },
      extras: session === undefined ? null : { session },
      payload: { kind: 'inline', bytes: 2, payload: { arguments: {}, files: [] } },
    };
  }

  private addHost(n: number): void {
    const worker = `host-${n}` as WorkerId;
    const boot = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}` as BootId;
    const host: Host = { worker, boot, seq: 0, held: new Map() };
    this.hosts.set(worker, host);
    this.say(host);
  }

  private say(host: Host): void {
    const { worker, boot, held } = host;
    host.seq += 1;
    const pool = { target: 1, starting: 0, warm: SLOTS_PER_HOST, busy: 0, idle: 0 };
    const ready: Ready = {
      ...{ v: 1, worker, boot, mode: 'warm', seq: host.seq, room: ROOM, free: ROOM, draining: false },
      attempts: [...held].map(([id, attempt]) => ({ id, attempt })),
      pools: this.warmKeys.map((key) => ({ key, ...pool })),
    };
    this.engine.ready(ready);
  }

  private take(worker: WorkerId, { jobs }: Run): RunReply {
    const host = this.hosts.get(worker);
    if (host === undefined) throw new Error(`a job was sent to ${worker}`);
    for (const { id, attempt } of jobs) {
      const job = this.jobs.get(id);
      if (job === undefined || host.held.has(id)) continue;
      this.jobs.delete(id);
      host.held.set(id, attempt);
      this.starts += 1;
      this.started({ job, atMs: this.nowMs });
      this.clock.after(job.ranMs, () => this.end(host, id, attempt));
    }
    return { v: 1, kind: 'taken', refused: [] };
  }

  private end(host: Host, id: JobId, attempt: number): void {
    const { worker, boot } = host;
    host.held.delete(id);
    // It says what it has before what has ended, so that a start of the next finds its warm containers.
    void this.engine.done({
      epoch: 1,
      worker,
      boot,
      ends: [{ id, attempt, end: { kind: 'outcome', outcome: DONE } }],
    });
    this.say(host);
  }
}
