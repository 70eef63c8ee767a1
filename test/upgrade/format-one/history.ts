/** Histories of a shard that format 1 can hold, as a leader would write them: every event fits the state of its job. */
import fc from 'fast-check';
import type { BootId, JobId, Outcome, StoredJob, WorkerId } from '@zerofleet/model';
import type { Commit, LedgerEvent } from '@zerofleet/protocol';
import { count, oldJob, oldOutcome } from './arbitrary.js';

const BOOT = '0192f3a0-0000-7000-8000-0000000000b0' as BootId;
const WORKERS = ['w1', 'w2'] as WorkerId[];

/** What a tape says to do with a job, or that a commit ends, or that another leads. */
type Step = {
  readonly what: 'start' | 'finish' | 'lose' | 'hand back' | 'cancel' | 'commit' | 'elect';
  readonly job: number;
  readonly outcome: Outcome;
  readonly passMs: number;
};

const tape: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom(
      ...(['start', 'start', 'finish', 'lose', 'hand back', 'cancel', 'commit', 'commit', 'elect'] as const),
    ),
    job: fc.nat(9),
    outcome: oldOutcome,
    passMs: fc.nat(5_000),
  }),
  { maxLength: 60 },
);

interface Live {
  readonly id: JobId;
  attempt: number;
  running: boolean;
}

class Writer {
  readonly commits: Commit[] = [];
  private readonly open: LedgerEvent[] = [];
  private readonly live: Live[] = [];
  private epoch = 0;
  private batch = 0;
  private atMs = 1_000;
  private readonly jobs: StoredJob[];

  constructor(jobs: readonly StoredJob[]) {
    this.jobs = [...jobs];
    this.elect();
  }

  take({ what, job, outcome, passMs }: Step): void {
    this.atMs += passMs;
    if (what === 'elect') return this.elect();
    if (what === 'commit') return this.commit();
    const one = this.live[job] ?? this.accept();
    if (one === undefined) return;
    const event = eventOf(one, what, outcome);
    if (event === undefined) return;
    this.open.push(event);
    if (event.kind === 'finished') this.live.splice(this.live.indexOf(one), 1);
  }

  commit(): void {
    if (this.open.length === 0) return;
    this.write(this.open.splice(0));
  }

  private elect(): void {
    this.commit();
    this.epoch += 1;
    this.batch = -1;
    this.write([{ kind: 'elected', epoch: this.epoch, leader: `c-${this.epoch}`, format: 2 }]);
  }

  private write(events: readonly LedgerEvent[]): void {
    this.batch += 1;
    const { epoch, batch, atMs } = this;
    this.commits.push({ v: 1, epoch, batch, atMs, projected: 0, events });
  }

  private accept(): Live | undefined {
    const job = this.jobs.pop();
    if (job === undefined) return undefined;
    const one = { id: job.id, attempt: 0, running: false };
    this.live.push(one);
    this.open.push({ kind: 'accepted', job });
    return one;
  }
}

/** The event that `what` comes to, undefined where the job's state forbids it. */
const eventOf = (
  job: Live,
  what: Exclude<Step['what'], 'commit' | 'elect'>,
  outcome: Outcome,
): LedgerEvent | undefined => {
  const { id, running } = job;
  if (what === 'finish') return { kind: 'finished', id, attempt: job.attempt, outcome };
  if (what === 'start') {
    if (running) return undefined;
    job.attempt += 1;
    job.running = true;
    const worker = WORKERS[job.attempt % WORKERS.length] as WorkerId;
    return { kind: 'started', id, attempt: job.attempt, worker, boot: BOOT };
  }
  if (!running) return undefined;
  if (what === 'cancel') return { kind: 'cancel_requested', id };
  job.running = false;
  const reason = what === 'lose' ? 'worker_lost' : 'handed_back';
  return { kind: 'requeued', id, attempt: job.attempt, reason, dueAtMs: null };
};

/** Commits of format 1, from the first `elected` on. */
export const history: fc.Arbitrary<readonly Commit[]> = fc
  .record({ jobs: fc.uniqueArray(oldJob, { maxLength: 10, selector: ({ id }) => id }), tape, seed: count })
  .map(({ jobs, tape: steps }) => {
    const writer = new Writer(jobs);
    for (const step of steps) writer.take(step);
    writer.commit();
    return writer.commits;
  });
