/**
 * The leader's view of its workers: who is there, what they hold, how much room is left.
 *
 * W1  Free room is the worker's whole room less what attempts assigned to it need: the leader's own sum, so no
 *     message can leak a slot; an assignment ends only with its attempt.
 * W2  A boot id that was replaced is dead for good; its late messages change nothing.
 * W3  A refused run closes the worker for new jobs until it has said how much room it really has.
 */
import {
  addRoom,
  NO_ROOM,
  subtractRoom,
  type Attempt,
  type BootId,
  type ExecutionMode,
  type JobId,
  type Room,
  type WorkerId,
} from '@zerofleet/model';
import { formFor, type Ready, type WireForm } from '@zerofleet/protocol';
import type { FleetHost } from '@zerofleet/scheduler';

/**
 * An attempt on a worker. `staged`: not sent yet, or sent and not known to have arrived. `sending`: a run message is
 * under way. `taken`: the worker said that it holds it.
 */
export interface Assigned {
  readonly id: JobId;
  readonly attempt: Attempt;
  readonly need: Room;
  phase: 'staged' | 'sending' | 'taken';
  /** Ready messages in a row that did not list it though it was taken. */
  missing: number;
}

export interface WorkerEntry {
  readonly worker: WorkerId;
  readonly boot: BootId;
  mode: ExecutionMode;
  /** What it is written to in. */
  form: WireForm;
  seq: number;
  room: Room;
  used: Room;
  draining: boolean;
  /** Refused a run since its last Ready (W3). */
  closed: boolean;
  lastHeardMs: number;
  warm: Map<string, number>;
  readonly assigned: Map<JobId, Assigned>;
  /** Attempts that its last Ready listed and that are not assigned to it. */
  strangers: ReadonlySet<string>;
}

/** Dead boots that are remembered, to drop their late messages. */
const DEAD_BOOTS_MAX = 4_096;

/** Whoever decides where jobs run. It knows of its own decisions. */
export interface Hosts {
  setHost(host: FleetHost): void;
  removeHost(worker: WorkerId): void;
}

export class Fleet {
  private readonly entries = new Map<WorkerId, WorkerEntry>();
  private readonly deadBoots = new Set<BootId>();
  /** Workers that changed otherwise than by a job that was started on them. */
  private readonly touched = new Set<WorkerId>();

  all(): IterableIterator<WorkerEntry> {
    return this.entries.values();
  }

  get(worker: WorkerId): WorkerEntry | undefined {
    return this.entries.get(worker);
  }

  isDead(boot: BootId): boolean {
    return this.deadBoots.has(boot);
  }

  /** A worker that the ledger knows and that has not spoken yet: it has assignments, and no room. */
  expect(worker: WorkerId, boot: BootId, mode: ExecutionMode, nowMs: number): WorkerEntry {
    const entry: WorkerEntry = {
      worker,
      boot,
      mode,
      form: formFor(undefined),
      seq: -1,
      room: NO_ROOM,
      used: NO_ROOM,
      draining: false,
      closed: false,
      lastHeardMs: nowMs,
      warm: new Map(),
      assigned: new Map(),
      strangers: new Set(),
    };
    this.entries.set(worker, entry);
    this.touched.add(worker);
    return entry;
  }

  /** Takes in a Ready of the entry's own boot; false when a newer one was taken in already. */
  refresh(entry: WorkerEntry, ready: Ready, nowMs: number): boolean {
    if (ready.seq <= entry.seq) return false;
    entry.seq = ready.seq;
    entry.mode = ready.mode;
    entry.form = formFor(ready.reads);
    entry.room = ready.room;
    entry.draining = ready.draining;
    entry.closed = false;
    entry.lastHeardMs = nowMs;
    entry.warm = new Map(ready.pools.map((pool) => [pool.key, pool.warm]));
    this.touched.add(entry.worker);
    return true;
  }

  /** The worker's boot is over (W2). Its entry, with what was assigned to it. */
  bury(entry: WorkerEntry): void {
    if (this.entries.get(entry.worker) === entry) this.dismiss(entry);
    this.deadBoots.add(entry.boot);
    const [oldest] = this.deadBoots;
    if (this.deadBoots.size > DEAD_BOOTS_MAX && oldest !== undefined) this.deadBoots.delete(oldest);
  }

  /** A worker was silent but may live: it is not there until it speaks, under the same boot too. */
  dismiss(entry: WorkerEntry): void {
    this.entries.delete(entry.worker);
    this.touched.add(entry.worker);
  }

  /** `poolKey`: of the container that it will claim; null when it goes to one that its session has. */
  assign(entry: WorkerEntry, id: JobId, attempt: Attempt, need: Room, poolKey: string | null): Assigned {
    const assigned: Assigned = { id, attempt, need, phase: 'staged', missing: 0 };
    entry.assigned.set(id, assigned);
    entry.used = addRoom(entry.used, need);
    const warm = poolKey === null ? 0 : (entry.warm.get(poolKey) ?? 0);
    if (poolKey !== null && warm > 0) entry.warm.set(poolKey, warm - 1);
    return assigned;
  }

  release(worker: WorkerId, id: JobId, attempt: Attempt): void {
    const entry = this.entries.get(worker);
    const assigned = entry?.assigned.get(id);
    if (entry === undefined || assigned?.attempt !== attempt) return;
    entry.assigned.delete(id);
    entry.used = subtractRoom(entry.used, assigned.need);
    this.touched.add(worker);
  }

  /** It takes nothing more until its next Ready (W3). */
  close(entry: WorkerEntry): void {
    entry.closed = true;
    this.touched.add(entry.worker);
  }

  /** Tells of the workers that changed since the last call: what room they have for jobs, or that they take none now. */
  tell(hosts: Hosts): void {
    for (const worker of this.touched) {
      const entry = this.entries.get(worker);
      if (entry === undefined || entry.draining || entry.closed || entry.seq < 0) hosts.removeHost(worker);
      else {
        const { mode, room, used, warm } = entry;
        hosts.setHost({ worker, mode, free: subtractRoom(room, used), room, warm });
      }
    }
    this.touched.clear();
  }
}
