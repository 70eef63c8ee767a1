/** From a submission to a job: tool, arguments, limits and files are checked, big payloads go to a blob, the decision is stamped. */
import { hash } from 'node:crypto';
import {
  ATTEMPTS_DEFAULT,
  INLINE_ARGUMENTS_BYTES_MAX,
  RUN_AHEAD_MS_MAX,
  type Decision,
  type JobEnvelope,
  type JobExtras,
  type JobId,
  type Payload,
  type PayloadRef,
  type PriorityClass,
  type Quotas,
  type Refusal,
  type TenantId,
  type ToolDefinition,
} from '@zerofleet/model';
import { CLASS_NAMES, type Submit } from '@zerofleet/protocol';
import { BlobError, type BlobStore, type Clock } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { Catalog } from './catalog.js';
import { secretNamesIn } from './secret-refs.js';
import { parseTime } from './times.js';
import { checkCollect, checkFiles, withoutCovered } from './work-paths.js';

export interface AdmissionOptions {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly newJobId: () => JobId;
  readonly decision: Decision;
  /** Quotas and secrets of tenants. */
  readonly controls: Controls;
  /** Undefined while the blob store cannot be reached. */
  readonly blobs: () => BlobStore | undefined;
}

export type Admitted =
  | { readonly kind: 'admitted'; readonly envelope: JobEnvelope }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const refuse = (refusal: Refusal): Extract<Admitted, { kind: 'refused' }> => ({ kind: 'refused', refusal });

/** A submission that may be taken, apart from its times: tool, class and limits settled by the tenant's quotas. */
interface Checked {
  readonly kind: 'checked';
  readonly tool: ToolDefinition;
  readonly payload: Payload;
  readonly timeoutMs: number;
  readonly class: PriorityClass;
  /** Secrets that the arguments refer to. */
  readonly secrets: readonly string[];
}

/** Checks what a submission says but its times. */
export const checkSubmit = (
  options: AdmissionOptions,
  tenant: TenantId,
  submit: Submit,
): Checked | Extract<Admitted, { kind: 'refused' }> => {
  const tool = options.catalog.find(submit.tool);
  if (tool === undefined)
    return refuse({
      code: 'unknown_tool',
      detail: `There is no tool '${submit.tool}'. GET /v1/tools lists them.`,
    });
  const args = submit.arguments ?? {};
  const files = submit.files ?? [];
  const named = secretNamesIn(args);
  if ('code' in named) return refuse(named);
  const collect = submit.collect ?? [];
  const wrong = options.catalog.check(tool, args) ?? checkFiles(files) ?? checkCollect(collect);
  if (wrong !== undefined) return refuse(wrong);
  const missing = named.names.find((name) => options.controls.secret(tenant, name) === undefined);
  if (missing !== undefined)
    return refuse({
      code: 'unknown_secret',
      detail: `There is no secret '${missing}' of yours. PUT /v1/secrets/${missing} makes it.`,
    });
  const quotas = options.controls.quotasOf(tenant);
  const timeoutMs = timeoutOf(tool, submit.timeoutMs, quotas);
  if (typeof timeoutMs !== 'number') return refuse(timeoutMs);
  const priorityClass = submit.class ?? lower('normal', quotas.ceiling);
  if (rankOf(priorityClass) < rankOf(quotas.ceiling))
    return refuse({
      code: 'class_over_ceiling',
      detail: `class is ${priorityClass}; your highest is ${quotas.ceiling}.`,
      errors: [{ path: '/class', message: `is above ${quotas.ceiling}` }],
    });
  const payload =
    collect.length === 0
      ? { arguments: args, files }
      : { arguments: args, files, collect: withoutCovered(collect) };
  return { kind: 'checked', tool, payload, timeoutMs, class: priorityClass, secrets: named.names };
};

const rankOf = (name: PriorityClass): number => CLASS_NAMES.indexOf(name);
const lower = (one: PriorityClass, other: PriorityClass): PriorityClass =>
  rankOf(one) >= rankOf(other) ? one : other;

/** The time limit of a job; what asks for none gets no more than its quota. */
const timeoutOf = (tool: ToolDefinition, asked: number | undefined, quotas: Quotas): number | Refusal => {
  const most = quotas.timeoutMsMax ?? Infinity;
  if (asked === undefined) return Math.min(tool.limits.timeoutMsDefault, most);
  if (asked > tool.limits.timeoutMsMax)
    return {
      code: 'invalid_request',
      detail: `timeoutMs is ${asked}; ${tool.name} allows ${tool.limits.timeoutMsMax} at most.`,
    };
  return asked <= most
    ? asked
    : { code: 'runtime_over_quota', detail: `timeoutMs is ${asked}; your quota allows ${most} at most.` };
};

/** Admits `submit` for `tenant`, or says why not. */
export const admit = async (
  options: AdmissionOptions,
  tenant: TenantId,
  submit: Submit,
  idempotencyKey?: string,
): Promise<Admitted> => {
  const checked = checkSubmit(options, tenant, submit);
  if (checked.kind === 'refused') return checked;
  const { tool, timeoutMs } = checked;
  const nowMs = options.clock.wallMs();
  const extras = extrasOf(submit, nowMs, idempotencyKey, checked.secrets);
  if (extras.kind === 'refused') return extras;
  const payload = await store(checked.payload, options, tenant);
  if ('code' in payload) return refuse(payload);
  const envelope: JobEnvelope = {
    id: options.newJobId(),
    tenant,
    tool: tool.name,
    toolVersion: tool.version,
    class: checked.class,
    decision: options.decision,
    payload,
    timeoutMs,
    maxAttempts: submit.maxAttempts ?? ATTEMPTS_DEFAULT,
    acceptedAtMs: nowMs,
    extras: extras.extras,
  };
  return { kind: 'admitted', envelope };
};

/** First pause of a retry policy that names none, and the longest, in ms. */
const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 60_000;

type Extras = { readonly kind: 'extras'; readonly extras: JobExtras | null };

const extrasOf = (
  submit: Submit,
  nowMs: number,
  idempotencyKey: string | undefined,
  secrets: readonly string[],
): Extras | Extract<Admitted, { kind: 'refused' }> => {
  const wrong = (path: string, what: string): Extract<Admitted, { kind: 'refused' }> => ({
    kind: 'refused',
    refusal: {
      code: 'invalid_request',
      detail: `${path}: ${what}.`,
      errors: [{ path: `/${path}`, message: what }],
    },
  });
  const { delayMs, runAt, deadlineMs, retry, session, collect } = submit;
  if (delayMs !== undefined && runAt !== undefined) return wrong('runAt', 'give either runAt or delayMs');
  const atMs = runAt === undefined ? nowMs + (delayMs ?? 0) : parseTime(runAt);
  if (atMs === undefined) return wrong('runAt', 'must be a time such as 2030-01-31T12:00:00Z');
  if (atMs > nowMs + RUN_AHEAD_MS_MAX) return wrong('runAt', 'is more than 366 days ahead');
  const deadlineAtMs = deadlineMs === undefined ? undefined : nowMs + deadlineMs;
  if (deadlineAtMs !== undefined && deadlineAtMs <= atMs && atMs > nowMs)
    return wrong('deadlineMs', 'ends before the job may start');
  const { baseMs = Math.min(RETRY_BASE_MS, retry?.capMs ?? RETRY_BASE_MS) } = retry ?? {};
  const { capMs = Math.max(RETRY_CAP_MS, baseMs) } = retry ?? {};
  if (capMs < baseMs) return wrong('retry/capMs', 'is less than baseMs');
  const extras: JobExtras = {
    ...(session === undefined ? {} : { session }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(collect === undefined || collect.length === 0 ? {} : { collects: true }),
    ...(atMs > nowMs ? { runAtMs: atMs } : {}),
    ...(deadlineAtMs === undefined ? {} : { deadlineAtMs }),
    ...(retry === undefined ? {} : { retry: { on: retry.on, baseMs, capMs } }),
    ...(idempotencyKey === undefined ? {} : { idempotency: { key: idempotencyKey, hash: hashOf(submit) } }),
  };
  return { kind: 'extras', extras: Object.keys(extras).length === 0 ? null : extras };
};

/** The same for equal bodies, whatever the order of their members: 128 bits of a SHA-256. */
const hashOf = (submit: Submit): string => hash('sha256', canonical(submit), 'base64url').slice(0, 22);

const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
};

const store = async (
  payload: Payload,
  { blobs, controls }: AdmissionOptions,
  tenant: TenantId,
): Promise<PayloadRef | Refusal> => {
  const bytes = Buffer.from(JSON.stringify(payload), 'utf8');
  const most = controls.quotasOf(tenant).payloadBytesMax;
  if (most !== null && bytes.byteLength > most)
    return {
      code: 'payload_over_quota',
      detail: `Arguments and files have ${bytes.byteLength} bytes; your quota allows ${most} at most.`,
    };
  if (bytes.byteLength <= INLINE_ARGUMENTS_BYTES_MAX)
    return { kind: 'inline', bytes: bytes.byteLength, payload };
  try {
    const blob = await blobs()?.put(bytes);
    return blob === undefined ? notStored('ledger_unavailable') : { kind: 'blob', blob };
  } catch (error) {
    const isFull = error instanceof BlobError && error.code === 'blobs_full';
    return notStored(isFull ? 'blobs_full' : 'ledger_unavailable');
  }
};

const notStored = (code: 'ledger_unavailable' | 'blobs_full'): Refusal => ({
  code,
  detail: 'The arguments cannot be stored at the moment. Nothing was accepted; try again.',
  retryAfterMs: code === 'blobs_full' ? 60_000 : 1_000,
});
