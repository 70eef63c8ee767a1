/**
 * The pure scheduler driving slots on a virtual clock: jobs arrive and end when they are due, and every free slot is offered at
 * once. Nothing costs time but the jobs themselves, so what is seen is the scheduler's order alone.
 */
import { FairScheduler, MinHeap, type FleetHost } from '@zerofleet/scheduler';
import type { WorkerId } from '@zerofleet/model';
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

interface Event {
  readonly job: SimJob;
  /** Where it runs; undefined for an arrival. */
  readonly host: Slots | undefined;
  readonly stream: Stream | undefined;
}

interface Slots {
  readonly worker: WorkerId;
  readonly warm: ReadonlyMap<string, number>;
  free: number;
}

export class Simulation {
  readonly scheduler = new FairScheduler<SimJob>();
  nowMs = 0;
  starts = 0;
  private readonly events = new MinHeap<Event>();
  private readonly hosts = new Map<WorkerId, Slots>();
  private readonly started: (start: Start) => void;

  /** `warm`: pool keys of which every host has warm containers, always. */
  constructor(slots: number, warm: readonly string[], started: (start: Start) => void) {
    this.started = started;
    for (let n = 0; n * SLOTS_PER_HOST < slots; n += 1) {
      const host: Slots = {
        worker: `host-${n}` as WorkerId,
        warm: new Map(warm.map((key) => [key, SLOTS_PER_HOST])),
        free: Math.min(SLOTS_PER_HOST, slots - n * SLOTS_PER_HOST),
      };
      this.hosts.set(host.worker, host);
      this.offer(host);
    }
  }

  /** Lets the jobs of `stream` arrive when they say. */
  feed(stream: Stream): void {
    const job = stream();
    if (job !== undefined) this.events.push({ job, host: undefined, stream }, job.arrivedMs);
  }

  /** Goes on until `untilMs`, or until nothing happens any more. */
  run(untilMs: number): void {
    this.fill();
    while (this.events.firstKey <= untilMs) {
      this.nowMs = this.events.firstKey;
      const event = this.events.pop();
      if (event === undefined) return;
      if (event.host === undefined) this.arrive(event);
      else this.end(event.job, event.host);
      this.fill();
    }
    this.nowMs = untilMs;
  }

  private arrive({ job, stream }: Event): void {
    this.scheduler.add(job, this.nowMs);
    if (stream !== undefined) this.feed(stream);
  }

  private end(job: SimJob, host: Slots): void {
    this.scheduler.ended(job, this.nowMs, job.ranMs);
    host.free += 1;
    this.offer(host);
  }

  private fill(): void {
    for (
      let turn = this.scheduler.next(this.nowMs);
      turn.kind === 'run';
      turn = this.scheduler.next(this.nowMs)
    ) {
      const host = this.hosts.get(turn.worker);
      if (host === undefined) throw new Error(`a job was sent to ${turn.worker}`);
      host.free -= 1;
      this.starts += 1;
      this.events.push({ job: turn.job, host, stream: undefined }, this.nowMs + turn.job.ranMs);
      this.started({ job: turn.job, atMs: this.nowMs });
    }
  }

  private offer({ worker, warm, free }: Slots): void {
    const room = { cpuMilli: SLOT.cpuMilli * SLOTS_PER_HOST, memoryMiB: SLOT.memoryMiB * SLOTS_PER_HOST };
    const left = { cpuMilli: SLOT.cpuMilli * free, memoryMiB: SLOT.memoryMiB * free };
    const host: FleetHost = { worker, mode: 'warm', room, free: left, warm };
    this.scheduler.setHost(host);
  }
}

/** A need of one slot with this pool key; `fits` false: of a shape that no host has room for. */
export const slotNeed = (poolKey: string, fits = true): SimJob['need'] => ({
  room: fits ? SLOT : { ...SLOT, cpuMilli: SLOT.cpuMilli * SLOTS_PER_HOST * 2 },
  poolKey,
  mode: 'warm',
  outcomeBytesMax: 0,
});
