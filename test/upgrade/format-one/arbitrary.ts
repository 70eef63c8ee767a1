/** Whatever the types of the ledger allow, for tests that hold it against the release before. */
import fc from 'fast-check';
import type {
  BootId,
  FailureCode,
  JobExtras,
  JobId,
  JobState,
  JobTemplate,
  Outcome,
  PayloadRef,
  StoredJob,
  TenantId,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import type { LedgerEvent, OutcomeRecord } from '@zerofleet/protocol';

export const count = fc.nat();
const text = fc.oneof(fc.string(), fc.constantFrom('', 'ä', '\u2028', '"', '\n'));
const uuid = fc.uuid();
export const jobId = uuid as fc.Arbitrary<JobId>;
const boot = uuid as fc.Arbitrary<BootId>;
const worker = fc.constantFrom('w1', 'worker-2') as fc.Arbitrary<WorkerId>;
/** As it comes out of JSON, which has no -0. */
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const blob = fc.record({ sha256: fc.stringMatching(/^[0-9a-f]{64}$/), bytes: count });
const encoding = fc.constantFrom('utf8', 'base64');

const payload = fc.oneof(
  fc.record({
    kind: fc.constant('inline'),
    bytes: count,
    payload: fc.record({
      arguments: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), json, { maxKeys: 3 }),
      files: fc.array(fc.record({ path: text, encoding, data: text }), { maxLength: 2 }),
    }),
  }),
  fc.record({ kind: fc.constant('blob'), blob }),
) as fc.Arbitrary<PayloadRef>;

const chunk = fc.record({ offset: count, stream: fc.constantFrom('stdout', 'stderr'), encoding, data: text });
const output = fc.oneof(
  fc.record({
    bytes: count,
    truncated: fc.boolean(),
    kind: fc.constant('inline'),
    chunks: fc.array(chunk, { maxLength: 2 }),
  }),
  fc.record({ bytes: count, truncated: fc.boolean(), kind: fc.constant('blob'), blob }),
);
const spent = fc.double({ min: 0, max: 1e9, noNaN: true });
const report = fc.record({
  value: json,
  exitCode: fc.option(fc.integer()),
  usage: fc.record({ wallMs: spent, cpuMs: spent, maxRssKiB: spent }),
  output,
});
const CODES: Record<FailureCode, true> = {
  tool_error: true,
  killed: true,
  container_lost: true,
  start_failed: true,
  protocol: true,
  worker_lost: true,
};
const failure = fc.record({ code: fc.constantFrom(...Object.keys(CODES)), message: text });
const OUTCOMES = {
  succeeded: fc.record({ kind: fc.constant('succeeded'), report }),
  failed: fc.record({ kind: fc.constant('failed'), failure, report: fc.option(report) }),
  timed_out: fc.record({ kind: fc.constant('timed_out'), report: fc.option(report) }),
  cancelled: fc.record({ kind: fc.constant('cancelled'), report: fc.option(report) }),
  expired: fc.constant({ kind: 'expired', report: null }),
} satisfies Record<Outcome['kind'], fc.Arbitrary<object>>;
/** Any outcome. */
export const anyOutcome = fc.oneof(...Object.values(OUTCOMES)) as fc.Arbitrary<Outcome>;
/** An outcome that format 1 has. */
export const oldOutcome = anyOutcome.filter(({ kind }) => kind !== 'expired');

const template = fc.record({
  tenant: fc.constantFrom('ada', 'bob-2') as fc.Arbitrary<TenantId>,
  tool: fc.constantFrom('echo', 'code_execution') as fc.Arbitrary<ToolName>,
  toolVersion: count,
  class: fc.constantFrom('interactive', 'high', 'normal', 'batch'),
  decision: fc.record({
    release: text,
    adapter: fc.constantFrom('native', 'agent-zero'),
    mode: fc.constantFrom('warm', 'oneshot', 'process'),
    revision: count,
    reason: text,
  }),
}) as fc.Arbitrary<JobTemplate>;

const anyExtras = fc.option(
  fc.record(
    {
      session: text,
      runAtMs: count,
      deadlineAtMs: count,
      retry: fc.record({ on: fc.constant(['timed_out']), baseMs: count, capMs: count }),
      idempotency: fc.record({ key: text, hash: text }),
      redriveOf: jobId,
    },
    { requiredKeys: [] },
  ),
) as fc.Arbitrary<JobExtras | null>;
/** What a job of format 1 may have. */
const oldExtras = fc.option(fc.record({ session: text }));

const jobWith = (extras: fc.Arbitrary<JobExtras | null>): fc.Arbitrary<StoredJob> =>
  fc.record({
    id: jobId,
    template,
    timeoutMs: count,
    maxAttempts: count,
    acceptedAtMs: count,
    extras,
    payload,
  });
export const oldJob = jobWith(oldExtras);
const anyJob = fc.oneof(oldJob, jobWith(anyExtras));

const queued = fc.record({
  kind: fc.constant('queued'),
  attemptsStarted: count,
  attemptsSpent: count,
  dueAtMs: fc.option(count),
}) as fc.Arbitrary<JobState>;

const EVENTS = {
  elected: fc.record({
    kind: fc.constant('elected'),
    epoch: count,
    leader: text,
    format: fc.constantFrom(1, 2),
  }),
  accepted: fc.record({ kind: fc.constant('accepted'), job: anyJob }),
  started: fc.record({ kind: fc.constant('started'), id: jobId, attempt: count, worker, boot }),
  finished: fc.record({ kind: fc.constant('finished'), id: jobId, attempt: count, outcome: anyOutcome }),
  cancel_requested: fc.record({ kind: fc.constant('cancel_requested'), id: jobId }),
  requeued: fc.record({
    kind: fc.constant('requeued'),
    id: jobId,
    attempt: count,
    reason: fc.constantFrom('worker_lost', 'handed_back', 'retry'),
    dueAtMs: fc.option(count),
  }),
  carried: fc.record({ kind: fc.constant('carried'), job: anyJob, state: queued }),
  parked: fc.record({ kind: fc.constant('parked'), page: count, ids: fc.array(jobId) }),
} satisfies Record<LedgerEvent['kind'], fc.Arbitrary<object>>;
/** Any event that the types allow. */
export const anyEvent = fc.oneof(...Object.values(EVENTS)) as fc.Arbitrary<LedgerEvent>;

/** How a job that format 1 can hold ended. */
export const oldRecord: fc.Arbitrary<OutcomeRecord> = fc
  .record({
    job: oldJob,
    attempt: count,
    outcome: oldOutcome,
    startedAtMs: fc.option(count),
    finishedAtMs: count,
  })
  .map(({ job: { template: common, payload: _, ...own }, ...rest }) => ({
    job: { ...common, ...own },
    ...rest,
  }));
