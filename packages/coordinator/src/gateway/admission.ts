/** From a submission to a job: tool, arguments, limits and files are checked, big payloads go to a blob, the decision is stamped. */
import {
  ATTEMPTS_DEFAULT,
  INLINE_ARGUMENTS_BYTES_MAX,
  type Decision,
  type InputFile,
  type JobEnvelope,
  type JobId,
  type Payload,
  type PayloadRef,
  type Refusal,
  type TenantId,
} from '@zerofleet/model';
import type { Submit } from '@zerofleet/protocol';
import type { BlobStore, Clock } from '@zerofleet/runtime';
import type { Catalog } from './catalog.js';

export interface AdmissionOptions {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly newJobId: () => JobId;
  readonly decision: Decision;
  /** Undefined while the blob store cannot be reached. */
  readonly blobs: () => BlobStore | undefined;
}

export type Admitted =
  | { readonly kind: 'admitted'; readonly envelope: JobEnvelope }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const refuse = (refusal: Refusal): Admitted => ({ kind: 'refused', refusal });

/** Admits `submit` for `tenant`, or says why not. */
export const admit = async (
  options: AdmissionOptions,
  tenant: TenantId,
  submit: Submit,
): Promise<Admitted> => {
  const tool = options.catalog.find(submit.tool);
  if (tool === undefined)
    return refuse({
      code: 'unknown_tool',
      detail: `There is no tool '${submit.tool}'. GET /v1/tools lists them.`,
    });
  const args = submit.arguments ?? {};
  const files = submit.files ?? [];
  const wrong = options.catalog.check(tool, args) ?? checkFiles(files);
  if (wrong !== undefined) return refuse(wrong);
  const timeoutMs = submit.timeoutMs ?? tool.limits.timeoutMsDefault;
  if (timeoutMs > tool.limits.timeoutMsMax)
    return refuse({
      code: 'invalid_request',
      detail: `timeoutMs is ${timeoutMs}; ${tool.name} allows ${tool.limits.timeoutMsMax} at most.`,
    });
  const payload = await store({ arguments: args, files }, options.blobs);
  if (payload === undefined)
    return refuse({
      code: 'ledger_unavailable',
      detail: 'The arguments cannot be stored at the moment. Nothing was accepted; try again.',
      retryAfterMs: 1_000,
    });
  const envelope: JobEnvelope = {
    id: options.newJobId(),
    tenant,
    tool: tool.name,
    toolVersion: tool.version,
    class: 'normal',
    session: null,
    decision: options.decision,
    payload,
    timeoutMs,
    maxAttempts: submit.maxAttempts ?? ATTEMPTS_DEFAULT,
    acceptedAtMs: options.clock.wallMs(),
  };
  return { kind: 'admitted', envelope };
};

const store = async (
  payload: Payload,
  blobs: () => BlobStore | undefined,
): Promise<PayloadRef | undefined> => {
  const bytes = Buffer.from(JSON.stringify(payload), 'utf8');
  if (bytes.byteLength <= INLINE_ARGUMENTS_BYTES_MAX)
    return { kind: 'inline', bytes: bytes.byteLength, payload };
  try {
    const blob = await blobs()?.put(bytes);
    return blob === undefined ? undefined : { kind: 'blob', blob };
  } catch {
    return undefined;
  }
};

const PATH_BYTES_MAX = 1_024;
const NAME_BYTES_MAX = 255;

/** A path that stays inside the work directory; the runner checks again, as it trusts nobody's check but its own. */
const isInside = (path: string): boolean =>
  Buffer.byteLength(path) <= PATH_BYTES_MAX &&
  !path.includes('\0') &&
  path
    .split('/')
    .every(
      (name) => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= NAME_BYTES_MAX,
    );

const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;

/** Every folder that a relative path lies in. */
const foldersAbove = (path: string): string[] =>
  [...path.matchAll(/\//g)].map((slash) => path.slice(0, slash.index));

const checkFiles = (files: readonly InputFile[]): Refusal | undefined => {
  const seen = new Set<string>();
  const folders = new Set<string>();
  for (const [index, file] of files.entries()) {
    const wrong = (what: string): Refusal => ({
      code: 'invalid_request',
      detail: `files[${index}]: ${what}.`,
      errors: [{ path: `/files/${index}`, message: what }],
    });
    if (!isInside(file.path)) return wrong('the path must be relative and stay inside the work directory');
    if (seen.has(file.path)) return wrong('the path is there twice');
    const above = foldersAbove(file.path);
    if (folders.has(file.path) || above.some((folder) => seen.has(folder)))
      return wrong('the path is a file and a folder of files at once');
    for (const folder of above) folders.add(folder);
    if (file.encoding === 'base64' && !isBase64(file.data)) return wrong('the data is not base64');
    seen.add(file.path);
  }
  return undefined;
};
