/**
 * What the release before makes of the commits that it reads: the states of all jobs. Frozen, like its reader.
 *
 * An event that its state machine forbids ends its life, so it throws here.
 */
import type { CommitOne, EnvelopeOne, EventOne } from './reader.js';

export type StateOne =
  | { readonly kind: 'queued'; readonly attemptsStarted: number; readonly attemptsSpent: number }
  | {
      readonly kind: 'running';
      readonly assignment: {
        readonly attempt: number;
        readonly epoch: number;
        readonly worker: string;
        readonly boot: string;
      };
      readonly attemptsSpent: number;
      readonly startedAtMs: number;
      readonly cancelRequested: boolean;
    }
  | {
      readonly kind: 'finished';
      readonly outcome: unknown;
      readonly attempt: number;
      readonly startedAtMs: number | null;
      readonly finishedAtMs: number;
    };

/** A job with its state. */
export interface JobOne {
  readonly envelope: EnvelopeOne;
  readonly state: StateOne;
}

type JobEvent = Exclude<EventOne, { kind: 'elected' | 'accepted' }>;
type Where = { readonly atMs: number; readonly epoch: number };

export class FoldOne {
  epoch = 0;
  readonly jobs = new Map<string, JobOne>();

  replay(commit: CommitOne): void {
    this.epoch = commit.epoch;
    for (const event of commit.events) this.apply(event, commit);
  }

  private apply(event: EventOne, where: Where): void {
    if (event.kind === 'elected') this.epoch = event.epoch;
    else if (event.kind === 'accepted') {
      const state: StateOne = { kind: 'queued', attemptsStarted: 0, attemptsSpent: 0 };
      this.jobs.set(event.job.id, { envelope: event.job, state });
    } else {
      const job = this.jobs.get(event.id);
      if (job === undefined) return;
      this.jobs.set(event.id, { ...job, state: after(job.state, event, where) });
    }
  }
}

const after = (state: StateOne, event: JobEvent, where: Where): StateOne => {
  const next =
    state.kind === 'queued'
      ? fromQueued(state, event, where)
      : state.kind === 'running'
        ? fromRunning(state, event, where)
        : undefined;
  if (next === undefined) throw new Error(`job: ${event.kind} is illegal in state ${state.kind}`);
  return next;
};

const fromQueued = (
  state: Extract<StateOne, { kind: 'queued' }>,
  event: JobEvent,
  { atMs, epoch }: Where,
): StateOne | undefined => {
  if (event.kind === 'started' && event.attempt === state.attemptsStarted + 1) {
    const { attempt, worker, boot } = event;
    return {
      kind: 'running',
      assignment: { attempt, epoch, worker, boot },
      attemptsSpent: state.attemptsSpent + 1,
      startedAtMs: atMs,
      cancelRequested: false,
    };
  }
  if (event.kind !== 'finished' || event.attempt !== state.attemptsStarted) return undefined;
  return finished(event, null, atMs);
};

const fromRunning = (
  state: Extract<StateOne, { kind: 'running' }>,
  event: JobEvent,
  { atMs }: Where,
): StateOne | undefined => {
  if (event.kind === 'cancel_requested') return { ...state, cancelRequested: true };
  if (event.attempt !== state.assignment.attempt) return undefined;
  if (event.kind === 'finished') return finished(event, state.startedAtMs, atMs);
  if (event.kind !== 'requeued') return undefined;
  const back = event.reason === 'handed_back' ? 1 : 0;
  return { kind: 'queued', attemptsStarted: event.attempt, attemptsSpent: state.attemptsSpent - back };
};

const finished = (
  { attempt, outcome }: Extract<EventOne, { kind: 'finished' }>,
  startedAtMs: number | null,
  finishedAtMs: number,
): StateOne => ({ kind: 'finished', outcome, attempt, startedAtMs, finishedAtMs });
