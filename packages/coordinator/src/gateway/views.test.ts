import { describe, expect, it } from 'vitest';
import type {
  AttemptReport,
  BootId,
  JobId,
  JobState,
  Outcome,
  OutputChunk,
  TenantId,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import type { JobView } from '@zerofleet/protocol';
import type { BlobStore } from '@zerofleet/runtime';
import type { JobSnapshot } from '../engine/ports.js';
import { fullViewOf, viewOf } from './views.js';

const job = (state: JobState): JobSnapshot => ({
  state,
  envelope: {
    id: '0192f3a0-0000-7000-8000-000000000001' as JobId,
    tenant: 'ada' as TenantId,
    tool: 'echo' as ToolName,
    toolVersion: 2,
    class: 'normal',
    decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
    timeoutMs: 500,
    maxAttempts: 3,
    acceptedAtMs: 0,
    extras: null,
  },
});
const ended = (outcome: Outcome, startedAtMs: number | null = 1_000): JobSnapshot =>
  job({ kind: 'finished', outcome, attempt: 2, startedAtMs, finishedAtMs: 2_000 });
const NOBODYS_ID = '0192f3a0-0000-7000-8000-00000000dead' as JobId;
const CHUNKS: OutputChunk[] = [{ offset: 0, stream: 'stdout', encoding: 'utf8', data: 'hi' }];
const REPORT: AttemptReport = {
  value: 0,
  exitCode: 3,
  usage: { wallMs: 1, cpuMs: 2, maxRssKiB: 3 },
  output: { kind: 'blob', bytes: 2, truncated: true, blob: { sha256: 'a'.repeat(64), bytes: 9 } },
};
const NO_BLOBS = (): BlobStore | undefined => undefined;

const read = async (json: Promise<Buffer>): Promise<JobView> => JSON.parse(String(await json)) as JobView;

describe('a view', () => {
  it('of a queued job has no times but its acceptance, and no end', () => {
    expect(
      viewOf(job({ kind: 'queued', attemptsStarted: 1, attemptsSpent: 0, dueAtMs: null }), null),
    ).toEqual({
      id: '0192f3a0-0000-7000-8000-000000000001',
      tool: 'echo',
      toolVersion: 2,
      class: 'normal',
      session: null,
      sessionState: null,
      schedule: null,
      stage: 'queued',
      attempt: 1,
      maxAttempts: 3,
      cancelRequested: false,
      timeoutMs: 500,
      acceptedAt: '1970-01-01T00:00:00.000Z',
      runAt: null,
      deadlineAt: null,
      redriveOf: null,
      startedAt: null,
      finishedAt: null,
      result: null,
      exitCode: null,
      error: null,
      usage: null,
      output: null,
      files: null,
    });
  });

  it('says when a queued job may start, by when it must, and what it repeats', () => {
    const extras = {
      runAtMs: 1,
      deadlineAtMs: 2_000,
      redriveOf: NOBODYS_ID,
      idempotency: { key: 'k', hash: 'h' },
    };
    const waiting = job({ kind: 'queued', attemptsStarted: 1, attemptsSpent: 1, dueAtMs: 1_000 });
    const view = viewOf({ ...waiting, envelope: { ...waiting.envelope, extras } }, null);
    expect(view).toMatchObject({
      runAt: '1970-01-01T00:00:01.000Z',
      deadlineAt: '1970-01-01T00:00:02.000Z',
      redriveOf: NOBODYS_ID,
    });
    expect(JSON.stringify(view)).not.toContain('"k"');
  });

  it('of a running job says when its attempt started and whether its end was asked for', () => {
    const assignment = { attempt: 2, epoch: 9, worker: 'w1' as WorkerId, boot: 'b' as BootId };
    const running = { kind: 'running', assignment, attemptsSpent: 2, startedAtMs: 1_000 } as const;
    const view = viewOf(job({ ...running, cancelRequested: true }), null);
    expect(view).toMatchObject({ stage: 'running', attempt: 2, cancelRequested: true, finishedAt: null });
    expect(view.startedAt).toBe('1970-01-01T00:00:01.000Z');
    expect(JSON.stringify(view)).not.toMatch(/w1|ada/);
  });

  it.each([
    [{ kind: 'succeeded', report: REPORT }, 'succeeded', null],
    [{ kind: 'failed', failure: { code: 'killed', message: 'm' }, report: REPORT }, 'failed', 'killed'],
    [{ kind: 'timed_out', report: REPORT }, 'timed_out', 'timed_out'],
    [{ kind: 'cancelled', report: REPORT }, 'cancelled', 'cancelled'],
  ] as const)('of an ended job tells how: %j', (outcome, stage, code) => {
    const view = viewOf(ended(outcome), null);
    expect(view).toMatchObject({ stage, attempt: 2, result: 0, exitCode: 3, usage: REPORT.usage });
    expect(view.error?.code ?? null).toBe(code);
    expect(view.finishedAt).toBe('1970-01-01T00:00:02.000Z');
  });

  it('of a job that ended in the queue has no start and no output', async () => {
    const view = await read(fullViewOf(ended({ kind: 'cancelled', report: null }, null), NO_BLOBS));
    expect(view).toMatchObject({ startedAt: null, output: null, result: null, exitCode: null });
    const late = viewOf(ended({ kind: 'expired', report: null }, null), null);
    expect(late).toMatchObject({ stage: 'expired', startedAt: null, error: { code: 'expired' } });
  });

  it('holds the whole output, from a blob too', async () => {
    const store: BlobStore = {
      put: () => Promise.reject(new Error('nobody writes here')),
      get: () => Promise.resolve(Buffer.from(JSON.stringify(CHUNKS))),
    };
    const view = await read(fullViewOf(ended({ kind: 'timed_out', report: REPORT }), () => store));
    expect(Object.keys(view).sort()).toEqual(
      Object.keys(viewOf(ended({ kind: 'timed_out', report: REPORT }), null)).sort(),
    );
    expect(view.output).toEqual({ bytes: 2, truncated: true, chunks: CHUNKS });
    await expect(fullViewOf(ended({ kind: 'timed_out', report: REPORT }), NO_BLOBS)).rejects.toThrow(
      'cannot be reached',
    );
  });
});
