/** `run`, `done` and submissions on the wire: both forms mean the same, and each side is understood by the one before it. */
import type { BootId, Decision, JobEnvelope, JobId, TenantId, ToolName, WorkerId } from '@zerofleet/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeDone, encodeDoneReply, parseDone, parseDoneReply, type Done } from './dones.js';
import { answerOf, encodeSubmit, parseLeaderCall, replyOf, submitTextOf } from './leader.js';
import { formFor, type WireForm } from './messages.js';
import { decodeOutcomes, encodeOutcomes } from './outcome-records.js';
import { encodeRun, parseRun, type Run, type RunForm } from './runs.js';
import { joinHead, ownHeadOf } from './templates.js';

const idOf = (n: number): JobId => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId;
const BOOT = '00000000-0000-4000-8000-000000000001' as BootId;
const forms = fc.constantFrom<WireForm>(1, 2);
const text = fc.string({ unit: 'binary', maxLength: 20 });

const formOf = (tenant: string): RunForm => ({
  tenant: tenant as TenantId,
  tool: 'echo' as ToolName,
  mode: 'warm',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1, memoryMiB: 1, pids: 1, workMiB: 1, tmpMiB: 1 },
  },
  reuse: 'tenant',
  outputBytes: 9,
});
const FORMS: readonly RunForm[] = [
  ...['a', 'b', 'c'].map(formOf),
  { ...formOf('d'), egress: { hosts: ['api.example.com', '*.example.org:8443'] } },
];
const payloads = text.map((value) => ({
  kind: 'inline' as const,
  bytes: value.length,
  payload: { arguments: { value }, files: [] },
}));
const runs: fc.Arbitrary<Run> = fc
  .array(fc.record({ n: fc.nat(99), form: fc.constantFrom(...FORMS), payload: payloads }), { maxLength: 9 })
  .map((jobs) => ({
    epoch: 7,
    boot: BOOT,
    jobs: jobs.map(({ n, form, payload }) => ({ id: idOf(n), attempt: 1, form, payload, timeoutMs: n })),
  }));
const dones: fc.Arbitrary<Done> = fc
  .array(fc.record({ n: fc.nat(99), reason: text }), { minLength: 1, maxLength: 9 })
  .map((ends) => ({
    epoch: 7,
    worker: 'w' as WorkerId,
    boot: BOOT,
    ends: ends.map(({ n, reason }) => ({ id: idOf(n), attempt: 2, end: { kind: 'lost' as const, reason } })),
  }));

const DECISIONS: readonly Decision[] = [1, 2].map((revision) => ({
  release: 'r',
  adapter: 'native',
  mode: 'warm',
  revision,
  reason: 'default',
}));
const envelopes: fc.Arbitrary<JobEnvelope> = fc
  .record({
    n: fc.nat(99),
    tenant: fc.constantFrom('a', 'b'),
    decision: fc.constantFrom(...DECISIONS),
    session: fc.option(fc.constant('s')),
    payload: payloads,
  })
  .map(({ n, tenant, decision, session, payload }) => ({
    id: idOf(n),
    tenant: tenant as TenantId,
    tool: 'echo' as ToolName,
    toolVersion: 1,
    class: 'normal',
    decision,
    timeoutMs: 5,
    maxAttempts: 3,
    acceptedAtMs: n,
    extras: session === null ? null : { session },
    payload,
  }));

describe('a run', () => {
  it('is the same in both forms', () => {
    fc.assert(
      fc.property(runs, forms, (run, form) => {
        expect(parseRun(encodeRun(run, form))).toEqual({ ok: true, value: { run, form } });
      }),
    );
  });

  it('names what its jobs have in common once', () => {
    const job = { attempt: 1, form: FORMS[0] as RunForm, timeoutMs: 1 };
    const payload = { kind: 'inline' as const, bytes: 0, payload: { arguments: {}, files: [] } };
    const jobs = Array.from({ length: 100 }, (_, n) => ({ ...job, id: idOf(n), payload }));
    const parsed = parseRun(encodeRun({ epoch: 1, boot: BOOT, jobs }, 2));
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(new Set(parsed.value.run.jobs.map(({ form }) => form)).size).toBe(1);
  });

  it('that names a form that is not there is not read', () => {
    const bytes = Buffer.from(
      JSON.stringify({
        v: 2,
        epoch: 1,
        boot: BOOT,
        forms: [],
        jobs: [
          {
            id: idOf(1),
            attempt: 1,
            of: 0,
            payload: { kind: 'inline', bytes: 0, payload: { arguments: {}, files: [] } },
            timeoutMs: 1,
          },
        ],
      }),
    );
    expect(parseRun(bytes)).toMatchObject({ ok: false, reason: '/jobs/0 names a form that is not there' });
  });
});

describe('ends', () => {
  it('are told in many messages of the older form and in one of the newer', () => {
    fc.assert(
      fc.property(dones, forms, (done, form) => {
        const messages = encodeDone(done, form);
        expect(messages).toHaveLength(form === 1 ? done.ends.length : 1);
        const ends = messages.flatMap((bytes) => {
          const parsed = parseDone(bytes);
          if (!parsed.ok) throw new Error(parsed.reason);
          expect(parsed.value).toMatchObject({ form, done: { epoch: 7, worker: 'w', boot: BOOT } });
          return parsed.value.done.ends;
        });
        expect(ends).toEqual(done.ends);
      }),
    );
  });

  it('are all told again where the leader knows no messages of many', () => {
    const reply = parseDoneReply(encodeDoneReply({ retry: [0] }, 1), 3);
    expect(reply).toEqual({ ok: true, value: { retry: [0, 1, 2] } });
  });

  it('are confirmed but for those to tell again', () => {
    for (const retry of [[], [0], [3, 1]])
      expect(parseDoneReply(encodeDoneReply({ retry }, 2), 4)).toEqual({ ok: true, value: { retry } });
    expect(parseDoneReply(encodeDoneReply({ retry: [] }, 1), 1)).toEqual({ ok: true, value: { retry: [] } });
    expect(parseDoneReply(encodeDoneReply({ retry: [0] }, 1), 1)).toEqual({
      ok: true,
      value: { retry: [0] },
    });
    for (const bad of ['', '{}', '{"v":2}', '{"v":1,"kind":"taken"}', '{"v":3,"retry":[]}'])
      expect(parseDoneReply(Buffer.from(bad), 1).ok).toBe(false);
  });
});

describe('forms', () => {
  it('are no newer than what the other side says that it reads', () => {
    expect([undefined, 0, 1, 2, 3].map((reads) => formFor(reads))).toEqual([1, 1, 1, 2, 2]);
  });
});

describe('a submission', () => {
  it('carries its jobs whole, and its answer what only the leader knows', () => {
    fc.assert(
      fc.property(fc.array(envelopes, { maxLength: 9 }), (jobs) => {
        const call = parseLeaderCall(encodeSubmit(jobs.map(submitTextOf)));
        expect(call).toEqual({ ok: true, value: { v: 1, kind: 'submit', jobs } });
        for (const job of jobs) {
          const head = joinHead({ ...ownHeadOf(job), acceptedAtMs: 77 }, job);
          const reply = { kind: 'accepted' as const, job: { envelope: head } };
          const heard = replyOf(answerOf(reply as Parameters<typeof answerOf>[0]), job);
          expect(heard).toMatchObject(reply);
        }
      }),
    );
  });

  it('that names a template that is not there is not read', () => {
    const call = JSON.parse(
      Buffer.from(encodeSubmit([submitTextOf(fc.sample(envelopes, 1)[0] as JobEnvelope)])).toString(),
    ) as { templates: unknown[] };
    call.templates = [];
    expect(parseLeaderCall(Buffer.from(JSON.stringify(call)))).toMatchObject({ ok: false });
  });
});

describe('outcomes of a commit', () => {
  it('are read as they were written, in either format', () => {
    fc.assert(
      fc.property(fc.array(envelopes, { minLength: 1, maxLength: 9 }), forms, (jobs, format) => {
        const outcomes = jobs.map((envelope) => ({
          // The older format has no extras.
          job: joinHead({ ...ownHeadOf(envelope), ...(format === 1 ? { extras: null } : {}) }, envelope),
          attempt: 1,
          outcome: { kind: 'expired' as const, report: null },
          startedAtMs: null,
          finishedAtMs: 4,
        }));
        const read = encodeOutcomes({ ledgerSeq: 3, outcomes }, format).flatMap((bytes) => {
          const parsed = decodeOutcomes(bytes);
          if (!parsed.ok) throw new Error(parsed.reason);
          expect(parsed.value.ledgerSeq).toBe(3);
          return parsed.value.outcomes;
        });
        expect(read).toEqual(outcomes);
      }),
    );
  });
});

describe('the files that an attempt left', () => {
  const blob = { sha256: 'a'.repeat(64), bytes: 7 };
  const head = { count: 1, bytes: 7, truncated: false };
  const list = { files: [{ path: 'out/a', blob }], skipped: [{ path: 'b', why: 'symlink' }], skippedMore: 2 };
  const doneWith = (files: unknown): Done => {
    const report = {
      ...{ value: null, exitCode: 0, usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 } },
      output: { kind: 'inline', bytes: 0, truncated: false, chunks: [] },
      ...(files === undefined ? {} : { files }),
    };
    const end = { kind: 'outcome', outcome: { kind: 'succeeded', report } };
    const ends = [{ id: idOf(1), attempt: 1, end }] as unknown as Done['ends'];
    return { epoch: 7, worker: 'w' as WorkerId, boot: BOOT, ends };
  };
  const read = (files: unknown): ReturnType<typeof parseDone> =>
    parseDone(encodeDone(doneWith(files), 2)[0] ?? new Uint8Array());

  it.each([
    ['none, as of a worker of the release before', undefined],
    ['a short list', { ...head, kind: 'inline', ...list }],
    ['a long list', { ...head, kind: 'blob', blob }],
  ])('are %s', (_what, files) => {
    expect(read(files)).toEqual({ ok: true, value: { done: doneWith(files), form: 2 } });
  });

  it.each([
    ['of no kind', { ...head, ...list }],
    ['without their count', { ...head, count: undefined, kind: 'blob', blob }],
    ['of less than nothing', { ...head, bytes: -1, kind: 'blob', blob }],
    ['with a file that is nowhere', { ...head, kind: 'inline', ...list, files: [{ path: 'a' }] }],
    ['by a name that is no hash', { ...head, kind: 'blob', blob: { ...blob, sha256: '../a' } }],
  ])('%s are not read', (_what, files) => {
    expect(read(files)).toMatchObject({ ok: false });
  });

  it('are asked for by the payload, beside which nothing changes', () => {
    const payload = {
      kind: 'inline' as const,
      bytes: 9,
      payload: { arguments: {}, files: [], collect: ['out', '.'] },
    };
    const form = FORMS[0] as RunForm;
    const run: Run = {
      epoch: 7,
      boot: BOOT,
      jobs: [{ id: idOf(1), attempt: 1, form, payload, timeoutMs: 1 }],
    };
    for (const wire of [1, 2] as const)
      expect(parseRun(encodeRun(run, wire))).toMatchObject({ ok: true, value: { run } });
    const wrong = {
      ...payload,
      payload: { ...payload.payload, collect: 'out' },
    } as unknown as typeof payload;
    const bad = { ...run, jobs: run.jobs.map((job) => ({ ...job, payload: wrong })) };
    expect(parseRun(encodeRun(bad, 2))).toMatchObject({ ok: false });
  });
});
