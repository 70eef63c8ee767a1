/** Jobs as tenants see them. */
import type { AttemptReport, BlobRef, Outcome, OutputChunk } from '@zerofleet/model';
import type { JobStage, JobView, OutputView } from '@zerofleet/protocol';
import type { BlobStore } from '@zerofleet/runtime';
import type { JobSnapshot } from '../engine/ports.js';

const at = (ms: number): string => new Date(ms).toISOString();

/** Where a job stands. */
export const stageOf = ({ state }: JobSnapshot): JobStage =>
  state.kind === 'finished' ? state.outcome.kind : state.kind;

/** What the attempt that ended the job left, where one did. */
export const reportOf = ({ state }: JobSnapshot): AttemptReport | null =>
  state.kind === 'finished' ? state.outcome.report : null;

/** The view of `job`, with its output where the caller has it. */
export const viewOf = (job: JobSnapshot, output: OutputView | null): JobView => {
  const { envelope, state } = job;
  const report = reportOf(job);
  return {
    id: envelope.id,
    tool: envelope.tool,
    toolVersion: envelope.toolVersion,
    class: envelope.class,
    session: envelope.extras?.session ?? null,
    sessionState: report?.session?.state ?? null,
    schedule: envelope.extras?.schedule?.name ?? null,
    stage: stageOf(job),
    attempt: attemptOf(job),
    maxAttempts: envelope.maxAttempts,
    cancelRequested: state.kind === 'running' && state.cancelRequested,
    timeoutMs: envelope.timeoutMs,
    acceptedAt: at(envelope.acceptedAtMs),
    runAt: state.kind === 'queued' && state.dueAtMs !== null ? at(state.dueAtMs) : null,
    deadlineAt: envelope.extras?.deadlineAtMs === undefined ? null : at(envelope.extras.deadlineAtMs),
    redriveOf: envelope.extras?.redriveOf ?? null,
    startedAt: state.kind === 'queued' || state.startedAtMs === null ? null : at(state.startedAtMs),
    finishedAt: state.kind === 'finished' ? at(state.finishedAtMs) : null,
    result: report?.value ?? null,
    exitCode: report?.exitCode ?? null,
    error: state.kind === 'finished' ? errorOf(state.outcome, envelope.timeoutMs) : null,
    usage: report?.usage ?? null,
    output,
    files: filesOf(report),
  };
};

const filesOf = (report: AttemptReport | null): NonNullable<JobView['files']> | null => {
  if (report?.files === undefined) return null;
  const { count, bytes, truncated } = report.files;
  return { count, bytes, truncated };
};

/** The current or last attempt; 0 before the first. */
export const attemptOf = ({ state }: JobSnapshot): number => {
  switch (state.kind) {
    case 'queued':
      return state.attemptsStarted;
    case 'running':
      return state.assignment.attempt;
    case 'finished':
      return state.attempt;
  }
};

const errorOf = (outcome: Outcome, timeoutMs: number): JobView['error'] => {
  switch (outcome.kind) {
    case 'succeeded':
      return null;
    case 'failed':
      return outcome.failure;
    case 'timed_out':
      return { code: 'timed_out', message: `the tool was still running after ${timeoutMs} ms and was ended` };
    case 'expired':
      return { code: 'expired', message: 'the job was not started by its deadline' };
    case 'cancelled':
      return { code: 'cancelled', message: 'the job was cancelled' };
  }
};

/** The whole output of a finished job; none where it left none. Throws when its blob cannot be read. */
export const outputOf = async (
  job: JobSnapshot,
  blobs: () => BlobStore | undefined,
): Promise<readonly OutputChunk[]> => {
  const record = reportOf(job)?.output;
  if (record === undefined) return [];
  if (record.kind === 'inline') return record.chunks;
  return JSON.parse(Buffer.from(await blobOf(record.blob, blobs)).toString('utf8')) as OutputChunk[];
};

/**
 * The view of `job` with its output, when it finished and left one, as JSON. A large output is the JSON that its blob holds, as it
 * is: to read it and write it again would hold up everybody for tens of ms. Throws when the output cannot be read.
 */
export const fullViewOf = async (job: JobSnapshot, blobs: () => BlobStore | undefined): Promise<Buffer> => {
  const record = reportOf(job)?.output;
  if (record === undefined) return Buffer.from(JSON.stringify(viewOf(job, null)));
  const { bytes, truncated } = record;
  if (record.kind === 'inline')
    return Buffer.from(JSON.stringify(viewOf(job, { bytes, truncated, chunks: [...record.chunks] })));
  const rest = JSON.stringify({ ...viewOf(job, null), output: undefined });
  const head = `${rest.slice(0, -1)},"output":{"bytes":${bytes},"truncated":${truncated},"chunks":`;
  return Buffer.concat([Buffer.from(head), await blobOf(record.blob, blobs), Buffer.from('}}')]);
};

const blobOf = (ref: BlobRef, blobs: () => BlobStore | undefined): Promise<Uint8Array> => {
  const store = blobs();
  return store === undefined ? Promise.reject(new Error('the blob store cannot be reached')) : store.get(ref);
};
