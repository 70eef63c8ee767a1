/** Wire shapes of the model's values, shared by ledger events, messages and the HTTP contract. */
import type {
  AttemptReport,
  Attempt,
  BlobRef,
  BootId,
  ContainerId,
  Decision,
  Egress,
  FilesRecord,
  InputFile,
  JobEnvelope,
  JobExtras,
  JobHead,
  JobId,
  JobState,
  JobTemplate,
  JsonObject,
  JsonValue,
  Outcome,
  OutputChunk,
  OutputRecord,
  PayloadRef,
  PoolSpec,
  PriorityClass,
  RetryCause,
  RetryPolicy,
  Room,
  TenantId,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import { Type, type TUnsafe } from 'typebox';

/** A schema whose static type is the model's own type: shapes are written once, here, and the model stays free of TypeBox. */
const as = <T>(schema: object): TUnsafe<T> => Type.Unsafe<T>(schema);
const uuid = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
const label = '^[a-z0-9][a-z0-9-]{0,62}$';

export const JobIdShape = as<JobId>(Type.String({ pattern: uuid }));
export const BootIdShape = as<BootId>(Type.String({ pattern: uuid }));
export const TenantIdShape = as<TenantId>(Type.String({ pattern: label }));
export const WorkerIdShape = as<WorkerId>(Type.String({ pattern: label }));
export const ToolNameShape = as<ToolName>(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }));
export const ContainerIdShape = as<ContainerId>(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{5,63}$' }));
export const CountShape = Type.Integer({ minimum: 0 });
export const AttemptShape = as<Attempt>(Type.Integer({ minimum: 0 }));
export const EpochShape = Type.Integer({ minimum: 0 });
export const JsonShape = as<JsonValue>(Type.Unknown());
export const JsonObjectShape = as<JsonObject>(Type.Record(Type.String(), Type.Unknown()));

export const BlobRefShape = as<BlobRef>(
  Type.Object({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }), bytes: CountShape }),
);

const encoding = Type.Union([Type.Literal('utf8'), Type.Literal('base64')]);

export const OutputChunkShape = as<OutputChunk>(
  Type.Object({
    offset: CountShape,
    stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
    encoding,
    data: Type.String(),
  }),
);

export const OutputRecordShape = as<OutputRecord>(
  Type.Union([
    Type.Object({
      bytes: CountShape,
      truncated: Type.Boolean(),
      kind: Type.Literal('inline'),
      chunks: Type.Array(OutputChunkShape),
    }),
    Type.Object({
      bytes: CountShape,
      truncated: Type.Boolean(),
      kind: Type.Literal('blob'),
      blob: BlobRefShape,
    }),
  ]),
);

const FilesRecordShape = as<FilesRecord>(
  Type.Intersect([
    Type.Object({ count: CountShape, bytes: CountShape, truncated: Type.Boolean() }),
    Type.Union([
      Type.Object({
        kind: Type.Literal('inline'),
        files: Type.Array(Type.Object({ path: Type.String(), blob: BlobRefShape })),
        skipped: Type.Array(Type.Object({ path: Type.String(), why: Type.String() })),
        skippedMore: CountShape,
      }),
      Type.Object({ kind: Type.Literal('blob'), blob: BlobRefShape }),
    ]),
  ]),
);

export const AttemptReportShape = as<AttemptReport>(
  Type.Object({
    value: JsonShape,
    exitCode: Type.Union([Type.Integer(), Type.Null()]),
    usage: Type.Object({ wallMs: Type.Number(), cpuMs: Type.Number(), maxRssKiB: Type.Number() }),
    output: OutputRecordShape,
    session: Type.Optional(
      Type.Object({
        state: Type.Union(['live', 'files-restored', 'fresh'].map((state) => Type.Literal(state))),
      }),
    ),
    files: Type.Optional(FilesRecordShape),
  }),
);

const reportOrNull = Type.Union([AttemptReportShape, Type.Null()]);

export const OutcomeShape = as<Outcome>(
  Type.Union([
    Type.Object({ kind: Type.Literal('succeeded'), report: AttemptReportShape }),
    Type.Object({
      kind: Type.Literal('failed'),
      failure: Type.Object({
        code: Type.Union(
          ['tool_error', 'killed', 'container_lost', 'start_failed', 'protocol', 'worker_lost'].map((code) =>
            Type.Literal(code),
          ),
        ),
        message: Type.String(),
      }),
      report: reportOrNull,
    }),
    Type.Object({ kind: Type.Literal('timed_out'), report: reportOrNull }),
    Type.Object({ kind: Type.Literal('expired'), report: Type.Null() }),
    Type.Object({ kind: Type.Literal('cancelled'), report: reportOrNull }),
  ]),
);

export const InputFileShape = as<InputFile>(
  Type.Object({ path: Type.String(), encoding, data: Type.String() }),
);

export const PayloadRefShape = as<PayloadRef>(
  Type.Union([
    Type.Object({
      kind: Type.Literal('inline'),
      bytes: CountShape,
      payload: Type.Object({
        arguments: JsonObjectShape,
        files: Type.Array(InputFileShape),
        collect: Type.Optional(Type.Array(Type.String())),
      }),
    }),
    Type.Object({ kind: Type.Literal('blob'), blob: BlobRefShape }),
  ]),
);

const mode = Type.Union([Type.Literal('warm'), Type.Literal('oneshot'), Type.Literal('process')]);
export const ExecutionModeShape = mode;

export const DecisionShape = as<Decision>(
  Type.Object({
    release: Type.String(),
    adapter: Type.Union([Type.Literal('native'), Type.Literal('agent-zero')]),
    mode,
    revision: CountShape,
    reason: Type.String(),
  }),
);

/** Priority classes, highest first. */
export const CLASS_NAMES = [
  'interactive',
  'high',
  'normal',
  'batch',
] as const satisfies readonly PriorityClass[];
const ClassShape = Type.Union(CLASS_NAMES.map((name) => Type.Literal(name)));

export const RetryCauseShape = as<RetryCause>(
  Type.Union(
    ['tool_error', 'killed', 'container_lost', 'start_failed', 'timed_out'].map((cause) =>
      Type.Literal(cause),
    ),
  ),
);

export const RetryPolicyShape = as<RetryPolicy>(
  Type.Object({
    on: Type.Array(RetryCauseShape),
    baseMs: CountShape,
    capMs: CountShape,
  }),
);

export const JobExtrasShape = as<JobExtras>(
  Type.Object({
    session: Type.Optional(Type.String()),
    runAtMs: Type.Optional(CountShape),
    deadlineAtMs: Type.Optional(CountShape),
    retry: Type.Optional(RetryPolicyShape),
    idempotency: Type.Optional(Type.Object({ key: Type.String(), hash: Type.String() })),
    redriveOf: Type.Optional(JobIdShape),
    schedule: Type.Optional(Type.Object({ name: Type.String(), revision: CountShape, atMs: CountShape })),
    secrets: Type.Optional(Type.Array(Type.String())),
    collects: Type.Optional(Type.Literal(true)),
  }),
);

/** What many jobs have in common: a commit names each of these once. */
export const JobTemplateShape = as<JobTemplate>(
  Type.Object({
    tenant: TenantIdShape,
    tool: ToolNameShape,
    toolVersion: CountShape,
    class: ClassShape,
    decision: DecisionShape,
  }),
);

/** What of a job's head is its own, where the rest is in a template that `of` is the index of. */
export const OWN_HEAD_FIELDS = {
  id: JobIdShape,
  timeoutMs: CountShape,
  maxAttempts: CountShape,
  acceptedAtMs: CountShape,
  extras: Type.Optional(JobExtrasShape),
};

const headFields = {
  id: JobIdShape,
  tenant: TenantIdShape,
  tool: ToolNameShape,
  toolVersion: CountShape,
  class: ClassShape,
  decision: DecisionShape,
  timeoutMs: CountShape,
  maxAttempts: CountShape,
  acceptedAtMs: CountShape,
  extras: Type.Union([JobExtrasShape, Type.Null()]),
};

export const JobHeadShape = as<JobHead>(Type.Object(headFields));
export const JobEnvelopeShape = as<JobEnvelope>(Type.Object({ ...headFields, payload: PayloadRefShape }));

const timeOrNull = Type.Union([CountShape, Type.Null()]);
const AssignmentShape = Type.Object({
  attempt: AttemptShape,
  epoch: EpochShape,
  worker: WorkerIdShape,
  boot: BootIdShape,
});

export const JobStateShape = as<JobState>(
  Type.Union([
    Type.Object({
      kind: Type.Literal('queued'),
      attemptsStarted: CountShape,
      attemptsSpent: CountShape,
      dueAtMs: timeOrNull,
    }),
    Type.Object({
      kind: Type.Literal('running'),
      assignment: AssignmentShape,
      attemptsSpent: CountShape,
      startedAtMs: CountShape,
      cancelRequested: Type.Boolean(),
    }),
    Type.Object({
      kind: Type.Literal('finished'),
      outcome: OutcomeShape,
      attempt: AttemptShape,
      startedAtMs: timeOrNull,
      finishedAtMs: CountShape,
    }),
  ]),
);

export const RoomShape = as<Room>(Type.Object({ cpuMilli: Type.Number(), memoryMiB: Type.Number() }));

export const EgressShape = as<Egress>(Type.Object({ hosts: Type.Array(Type.String()) }));

export const PoolSpecShape = as<PoolSpec>(
  Type.Object({
    image: Type.String(),
    runtime: Type.Union([Type.Literal('runc'), Type.Literal('runsc')]),
    resources: Type.Object({
      cpuMilli: CountShape,
      memoryMiB: CountShape,
      pids: CountShape,
      workMiB: CountShape,
      tmpMiB: CountShape,
    }),
  }),
);
