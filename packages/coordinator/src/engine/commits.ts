/** Events of jobs on their way into the ledger: staged in the fold at once, shown to anyone only when stored. */
import { headOf } from '@zerofleet/model';
import type { LedgerEvent, OutcomeRecord } from '@zerofleet/protocol';
import { isDead } from '@zerofleet/scheduler';
import type { CommitPipeline } from './commit-pipeline.js';
import type { Fold } from './fold.js';
import type { JobRecord } from './job-record.js';
import type { Projector } from './projector.js';

export class Commits {
  readonly pipeline: CommitPipeline;
  private readonly fold: Fold;
  private readonly projector: Projector;

  constructor(pipeline: CommitPipeline, fold: Fold, projector: Projector) {
    this.pipeline = pipeline;
    this.fold = fold;
    this.projector = projector;
  }

  /** Stages an event of a live job; `stored` hears when it is committed and shown. Undefined when the job is not there. */
  commit(event: LedgerEvent, stored: (record: JobRecord) => void = () => undefined): JobRecord | undefined {
    const { state, feed, payloads } = this.fold;
    const effect: { run?: () => void } = {};
    const place = this.pipeline.stage([event], () => effect.run?.());
    const record = state.apply(event, place.seq, place.atMs, state.epoch);
    if (record === undefined) return undefined;
    const after = record.state;
    effect.run = () => {
      record.shown = after;
      if (event.kind === 'finished') this.project(place.seq, record);
      if (event.kind === 'accepted') payloads.settle(state, record);
      if (feed.wants(record.id, after)) feed.publish({ envelope: headOf(record), state: after });
      stored(record);
    };
    return record;
  }

  /**
   * Stages an event that changes only where jobs stand. It is applied when it is stored: until then the old place is the
   * one that holds them.
   */
  relocate(event: Extract<LedgerEvent, { kind: 'carried' | 'parked' }>, stored: () => void): void {
    const { state } = this.fold;
    const place = this.pipeline.stage([event], () => {
      state.apply(event, place.seq, place.atMs, state.epoch);
      state.unneed(place.seq);
      stored();
    });
    state.need(place.seq);
  }

  /** Hands a finished job's outcome to the projector. */
  project(seq: number, record: JobRecord): void {
    const projection = projectionOf(record);
    if (projection === undefined) return;
    const letter = isDead(projection.outcome, record.extras?.retry)
      ? async () => ({ ...projection, payload: await this.fold.payloads.fetch(record) })
      : undefined;
    this.projector.add(seq, projection, letter);
  }
}

const projectionOf = (record: JobRecord): OutcomeRecord | undefined => {
  if (record.state.kind !== 'finished') return undefined;
  const { attempt, outcome, startedAtMs, finishedAtMs } = record.state;
  return { job: headOf(record), attempt, outcome, startedAtMs, finishedAtMs };
};
