/**
 * What waits: jobs that may start, jobs that wait for their time, and deadlines. Kept in line with the fold on standbys too,
 * so that a new leader can dispatch at once.
 *
 * U1  Follows the fold by `changed` alone: a job is in the scheduler exactly while it is queued and its time has come.
 * U2  Times are of the leader's wall clock; a job comes due at `due` and never by itself.
 */
import {
  COLLECT_BYTES_MAX,
  COLLECT_LIST_BYTES_MAX,
  poolKeyOf,
  RESULT_BYTES_MAX,
  type JobExtras,
  type JobState,
  type JobTemplate,
  type ToolDefinition,
  type ToolName,
} from '@zerofleet/model';
import { FairScheduler, MinHeap, type Need } from '@zerofleet/scheduler';
import type { JobRecord } from './job-record.js';
import { OUTCOME_HEAD_BYTES } from './usage-book.js';

/** What a job needs whose tool this release does not define: nothing gives it, so it never starts. */
const NOWHERE: Need = {
  room: { cpuMilli: Number.MAX_SAFE_INTEGER, memoryMiB: Number.MAX_SAFE_INTEGER },
  poolKey: '',
  mode: 'process',
  outcomeBytesMax: 0,
};

export class JobQueue {
  readonly ready = new FairScheduler<JobRecord>();
  /** Queued jobs of tools that this release does not define. */
  readonly undefinedTools = new Set<JobRecord>();
  /** Jobs with an attempt at a worker. */
  readonly running = new Set<JobRecord>();
  /** Until when nothing may start unless something changes, Unix ms; whoever asks the scheduler notes it. */
  heldUntilMs = Infinity;
  private readonly tools: ReadonlyMap<ToolName, ToolDefinition>;
  private readonly needs = new Map<string, Need>();
  private readonly delayed = new MinHeap<JobRecord>();
  private readonly deadlines = new MinHeap<JobRecord>();

  constructor(tools: ReadonlyMap<ToolName, ToolDefinition>) {
    this.tools = tools;
  }

  needOf({ tool: name, decision: { mode } }: JobTemplate, extras: JobExtras | null): Need {
    const tool = this.tools.get(name);
    if (tool === undefined) return NOWHERE;
    const collects = extras?.collects === true;
    const key = `${name} ${mode}${collects ? ' collects' : ''}`;
    const known = this.needs.get(key);
    if (known !== undefined) return known;
    const filesMax = collects ? COLLECT_BYTES_MAX + COLLECT_LIST_BYTES_MAX : 0;
    const outcomeBytesMax = OUTCOME_HEAD_BYTES + tool.limits.outputBytes + RESULT_BYTES_MAX + filesMax;
    const need: Need = { room: tool.pool.resources, poolKey: poolKeyOf(tool.pool), mode, outcomeBytesMax };
    this.needs.set(key, need);
    return need;
  }

  /** The job is new (`before` is null), or its state changed; `ran`: for how long, where an attempt ended. */
  changed(
    record: JobRecord,
    before: JobState | null,
    atMs: number,
    first: boolean,
    ran: number | null,
  ): void {
    const { state, need } = record;
    if (state.kind === 'running') this.running.add(record);
    else this.running.delete(record);
    if (need === NOWHERE) {
      if (state.kind === 'queued') this.undefinedTools.add(record);
      else this.undefinedTools.delete(record);
      return;
    }
    if (before?.kind === 'running' && state.kind !== 'running')
      this.ready.ended(record, atMs, ran, state.kind === 'queued');
    // One that was handed out here runs already by its account.
    if (state.kind === 'running') this.ready.adopt(record, atMs, true, state.assignment.worker);
    else if (state.kind === 'finished') this.ready.remove(record);
    else this.wait(record, state, atMs, first);
  }

  private wait(
    record: JobRecord,
    state: Extract<JobState, { kind: 'queued' }>,
    atMs: number,
    first: boolean,
  ): void {
    if (state.attemptsSpent === 0 && record.extras?.deadlineAtMs !== undefined)
      this.deadlines.push(record, record.extras.deadlineAtMs);
    if (state.dueAtMs !== null) this.delayed.push(record, state.dueAtMs);
    else if (first) this.ready.addFirst(record, atMs);
    else this.ready.add(record, atMs);
  }

  /** Moves what is due by `wallMs` to those who may start. */
  due(wallMs: number): void {
    while (this.delayed.firstKey <= wallMs) {
      const record = this.delayed.pop();
      const state = record?.state;
      if (
        record !== undefined &&
        state?.kind === 'queued' &&
        state.dueAtMs !== null &&
        state.dueAtMs <= wallMs
      )
        this.ready.add(record, wallMs);
    }
  }

  /** Queued jobs that were not started by their deadline. */
  expired(wallMs: number): JobRecord[] {
    const late: JobRecord[] = [];
    while (this.deadlines.firstKey <= wallMs) {
      const record = this.deadlines.pop();
      if (record?.state.kind === 'queued' && record.state.attemptsSpent === 0) late.push(record);
    }
    return late;
  }

  /** When the next job comes due or expires, or a quota lets one start, Unix ms; Infinity for never. */
  get nextAtMs(): number {
    return Math.min(this.delayed.firstKey, this.deadlines.firstKey, this.heldUntilMs);
  }
}

/** What the attempt that ended at `atMs` used; null where none ended, or when it was handed back before anything of it ran. */
export const ranMs = (before: JobState | null, after: JobState, atMs: number): number | null => {
  if (before?.kind !== 'running' || after.kind === 'running') return null;
  if (after.kind === 'queued' && after.attemptsSpent < before.attemptsSpent) return null;
  return Math.max(atMs - before.startedAtMs, 0);
};
