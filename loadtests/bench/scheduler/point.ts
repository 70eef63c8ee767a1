/** What the scheduler's calls cost with so many tenants and queued jobs, in a steady state: a job ends, one starts, one comes. */
import type { TenantId, WorkerId } from '@zerofleet/model';
import { CLASSES, DEFAULT_POLICY, FairScheduler, type Host, type TenantPolicy } from '@zerofleet/scheduler';
import { Random } from '../fairness/random.js';
import { BenchJob, templateOf } from './bench-job.js';

export interface Size {
  readonly tenants: number;
  readonly jobs: number;
}

/** Times of single calls, µs. */
export interface Costs {
  /** A `next` that hands out a job. */
  readonly decisionUs: readonly number[];
  /** A `next` that finds nothing that may run. */
  readonly waitUs: readonly number[];
  readonly endedUs: readonly number[];
  readonly addUs: readonly number[];
  /** Heap of the scheduler's own for each queued job, bytes. */
  readonly bytesPerJob: number;
}

const HOSTS = 64;
const SLOTS_PER_HOST = 16;
const SLOT = { cpuMilli: 1_000, memoryMiB: 256 };
const KEYS = 20;
/** The last keys are of a shape that no host has room for. */
const STARVED_KEYS = 5;
const RUNNING_MAX = 4;
/** Half of all jobs are of so many tenants. */
const HOT_TENANTS = 100;
/** Rounds before anything is measured: compilers get warm. */
const WARM_UP_ROUNDS = 30_000;

type Fields = ConstructorParameters<typeof BenchJob>;

/** A scheduler with its jobs and hosts. */
class Stage {
  private readonly scheduler = new FairScheduler<BenchJob>();
  private readonly random = new Random(1);
  private readonly hosts = new Map<WorkerId, Host & { free: { cpuMilli: number; memoryMiB: number } }>();
  private readonly running: { readonly job: BenchJob; readonly worker: WorkerId }[] = [];
  private readonly kinds: readonly (readonly [Fields[0], Fields[1]])[];
  private nowMs = 0;

  constructor({ tenants }: Size) {
    const needs = Array.from({ length: KEYS }, (_, n) => ({
      room: n < KEYS - STARVED_KEYS ? SLOT : { ...SLOT, cpuMilli: SLOT.cpuMilli * SLOTS_PER_HOST * 2 },
      poolKey: `key-${n}`,
      mode: 'warm' as const,
      outcomeBytesMax: 0,
    }));
    const policies = [1, 2, 5].map((weight): TenantPolicy => ({
      ...DEFAULT_POLICY,
      weight,
      runningMax: RUNNING_MAX,
    }));
    this.kinds = Array.from({ length: tenants }, (_, n) => {
      const need = needs[n % KEYS] as Fields[1];
      const priority = CLASSES[Math.floor(n / KEYS) % CLASSES.length] ?? 'normal';
      this.scheduler.setTenant(`t${n}` as TenantId, policies[n % policies.length] ?? DEFAULT_POLICY, 0);
      return [templateOf(`t${n}`, `tool-${n % KEYS}`, priority), need];
    });
    for (let n = 0; n < HOSTS; n += 1) {
      const worker = `host-${n}` as WorkerId;
      const free = { cpuMilli: SLOT.cpuMilli * SLOTS_PER_HOST, memoryMiB: SLOT.memoryMiB * SLOTS_PER_HOST };
      const warm = new Map(needs.slice(0, 10).map(({ poolKey }) => [poolKey, 2]));
      this.hosts.set(worker, { worker, mode: 'warm', free, warm });
      this.offer(worker, 0);
    }
  }

  job(): BenchJob {
    const { random, kinds } = this;
    const hot = Math.min(HOT_TENANTS, kinds.length);
    const [template, need] = kinds[random.below(random.next() < 0.5 ? hot : kinds.length)] as [
      Fields[0],
      Fields[1],
    ];
    return new BenchJob(template, need, random.between(50, 1_000), this.nowMs);
  }

  add(job: BenchJob): void {
    this.scheduler.add(job, this.nowMs);
  }

  /** What is next, and how long it took to say, µs; a job that may run does. */
  next(): { readonly ran: boolean; readonly tookUs: number } {
    const began = performance.now();
    const turn = this.scheduler.next(this.nowMs);
    const tookUs = (performance.now() - began) * 1_000;
    if (turn.kind !== 'run') return { ran: false, tookUs };
    this.running.push({ job: turn.job, worker: turn.worker });
    this.offer(turn.worker, -1);
    return { ran: true, tookUs };
  }

  /** Ends one that runs; how long it took to take that in, µs. Undefined when none runs. */
  end(): number | undefined {
    const { running } = this;
    const at = this.random.below(running.length);
    const one = running[at];
    const last = running.pop();
    if (one === undefined || last === undefined) return undefined;
    if (one !== last) running[at] = last;
    this.nowMs += 1;
    const began = performance.now();
    this.scheduler.ended(one.job, this.nowMs, one.job.ranMs);
    this.offer(one.worker, 1);
    return (performance.now() - began) * 1_000;
  }

  private offer(worker: WorkerId, slots: number): void {
    const host = this.hosts.get(worker);
    if (host === undefined) throw new Error(`a job was sent to ${worker}`);
    const { cpuMilli, memoryMiB } = host.free;
    host.free = {
      cpuMilli: cpuMilli + slots * SLOT.cpuMilli,
      memoryMiB: memoryMiB + slots * SLOT.memoryMiB,
    };
    const room = { cpuMilli: SLOT.cpuMilli * SLOTS_PER_HOST, memoryMiB: SLOT.memoryMiB * SLOTS_PER_HOST };
    this.scheduler.setHost({ ...host, room });
  }
}

/** Measures `rounds` rounds at this size; `collect` collects garbage. */
export const measure = (size: Size, rounds: number, collect: () => void): Costs => {
  const stage = new Stage(size);
  const queued = Array.from({ length: size.jobs }, () => stage.job());
  collect();
  const before = process.memoryUsage().heapUsed;
  for (const job of queued) stage.add(job);
  collect();
  const bytesPerJob = (process.memoryUsage().heapUsed - before) / size.jobs;
  queued.length = 0;
  const costs = {
    decisionUs: [] as number[],
    waitUs: [] as number[],
    endedUs: [] as number[],
    addUs: [] as number[],
  };
  while (stage.next().ran);
  const seen = {
    decisionUs: [] as number[],
    waitUs: [] as number[],
    endedUs: [] as number[],
    addUs: [] as number[],
  };
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round += 1)
    play(stage, round < WARM_UP_ROUNDS ? seen : costs);
  return { ...costs, bytesPerJob };
};

/** A job ends, what may start does, and as many come as started: the queue keeps its length. */
const play = (
  stage: Stage,
  {
    decisionUs,
    waitUs,
    endedUs,
    addUs,
  }: { [name in 'decisionUs' | 'waitUs' | 'endedUs' | 'addUs']: number[] },
): void => {
  const tookUs = stage.end();
  if (tookUs !== undefined) endedUs.push(tookUs);
  for (;;) {
    const { ran, tookUs: askedUs } = stage.next();
    (ran ? decisionUs : waitUs).push(askedUs);
    const job = stage.job();
    const began = performance.now();
    if (ran || tookUs === undefined) {
      stage.add(job);
      addUs.push((performance.now() - began) * 1_000);
    }
    if (!ran) return;
  }
};
