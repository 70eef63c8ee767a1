/**
 * Leader to worker: attempts to run. Idempotent by (job, attempt, epoch) on the same boot.
 *
 * Form 2 names what jobs have in common once in a message, and `of` is an index into it; form 1 repeats it in each job.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { AttemptRefShape, MESSAGES_VERSION, type WireForm } from './messages.js';
import { encodeJson, jsonParser, parseJson, reasonOf, type Parsed } from './parse.js';
import {
  AttemptShape,
  BootIdShape,
  CountShape,
  EgressShape,
  EpochShape,
  ExecutionModeShape,
  JobIdShape,
  PayloadRefShape,
  PoolSpecShape,
  TenantIdShape,
  ToolNameShape,
} from './shapes.js';

const formFields = {
  tenant: TenantIdShape,
  tool: ToolNameShape,
  mode: ExecutionModeShape,
  pool: PoolSpecShape,
  reuse: Type.Union([Type.Literal('tenant'), Type.Literal('never')]),
  outputBytes: CountShape,
  /** Hosts that its jobs may reach, as patterns. A worker that does not know it gives them no network. */
  egress: Type.Optional(EgressShape),
};
const ownFields = {
  id: JobIdShape,
  attempt: AttemptShape,
  payload: PayloadRefShape,
  timeoutMs: CountShape,
  /** Sealed values of the secrets that its arguments refer to, by name. One that is not there any more is left out. */
  secrets: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** The session that it belongs to. */
  session: Type.Optional(Type.String()),
};
const FormShape = Type.Object(formFields);
/** How jobs of one tenant and tool run: the same object for many. */
export type RunForm = Readonly<Static<typeof FormShape>>;

const OwnShape = Type.Object(ownFields);

/** One attempt to run. */
export interface RunJob extends Readonly<Static<typeof OwnShape>> {
  readonly form: RunForm;
}

export interface Run {
  readonly epoch: number;
  readonly boot: Static<typeof BootIdShape>;
  readonly jobs: readonly RunJob[];
}

const head = { epoch: EpochShape, boot: BootIdShape };
const v1 = Compile(
  Type.Object({
    v: Type.Literal(1),
    ...head,
    jobs: Type.Array(Type.Intersect([OwnShape, FormShape])),
  }),
);
const v2 = Compile(
  Type.Object({
    v: Type.Literal(2),
    ...head,
    forms: Type.Array(FormShape),
    jobs: Type.Array(Type.Intersect([OwnShape, Type.Object({ of: CountShape })])),
  }),
);

/** A run as bytes of `form`. */
export const encodeRun = ({ epoch, boot, jobs }: Run, form: WireForm): Uint8Array => {
  if (form === 1) {
    const flat = jobs.map(({ form: common, ...own }) => ({ ...own, ...common }));
    return encodeJson({ v: 1, epoch, boot, jobs: flat });
  }
  const forms = new Map<RunForm, number>();
  const listed = jobs.map(({ form: common, ...own }) => {
    const known = forms.get(common);
    const of = known ?? forms.size;
    if (known === undefined) forms.set(common, of);
    return { ...own, of };
  });
  return encodeJson({ v: 2, epoch, boot, forms: [...forms.keys()], jobs: listed });
};

/** The run in a message and the form that its sender wrote, or why it cannot be read. */
export const parseRun = (bytes: Uint8Array): Parsed<{ readonly run: Run; readonly form: WireForm }> => {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (v2.Check(value)) {
    const { epoch, boot, forms } = value;
    const jobs: RunJob[] = [];
    for (const { of, ...own } of value.jobs) {
      const form = forms[of];
      if (form === undefined)
        return { ok: false, reason: `/jobs/${jobs.length} names a form that is not there` };
      jobs.push({ ...own, form });
    }
    return { ok: true, value: { run: { epoch, boot, jobs }, form: 2 } };
  }
  if (!v1.Check(value)) return { ok: false, reason: reasonOf(v2, value) };
  const { epoch, boot } = value;
  const jobs = value.jobs.map(({ tenant, tool, mode, pool, reuse, outputBytes, egress, ...own }) => ({
    ...own,
    form: { tenant, tool, mode, pool, reuse, outputBytes, ...(egress === undefined ? {} : { egress }) },
  }));
  return { ok: true, value: { run: { epoch, boot, jobs }, form: 1 } };
};

const v = Type.Literal(MESSAGES_VERSION);
/** `wrong_boot`, `old_epoch`: nothing was taken. Else each job is taken, or refused before anything of it ran. */
export const RunReplyShape = Type.Union([
  Type.Object({ v, kind: Type.Literal('taken'), refused: Type.Array(AttemptRefShape) }),
  Type.Object({ v, kind: Type.Literal('wrong_boot') }),
  Type.Object({ v, kind: Type.Literal('old_epoch') }),
]);
export type RunReply = Static<typeof RunReplyShape>;
export const parseRunReply = jsonParser(RunReplyShape);
