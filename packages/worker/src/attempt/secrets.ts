/**
 * The secrets of one attempt: opened here, put in the place of their references just before the arguments go to the runner,
 * and hidden in whatever comes back.
 *
 * S1  Values are held by the attempt alone, and by its container; no message, log, label or environment has them.
 */
import {
  FRAME_BYTES_MAX,
  SECRET_BYTES_PER_JOB_MAX,
  type JsonObject,
  type JsonValue,
  type OutputStream,
} from '@zerofleet/model';
import { SECRET_MEMBER, type RunJob } from '@zerofleet/protocol';
import { Mask, SecretForms } from './mask.js';

/** What a RUN frame holds besides the arguments, in bytes, at most. */
const RUN_HEAD_BYTES = 4 * 1024;
/** A runner cuts an error's sentence at so many characters. */
const MESSAGE_CHARS_MAX = 2_000;

/** Opens a sealed secret; throws for one that does not open. */
export interface SecretOpener {
  open(of: { readonly tenant: string; readonly name: string }, sealed: string): string;
}

/** The secrets of `job`, undefined when it has none; a sentence for its tenant when one cannot be opened. */
export const openSecrets = (
  { form, secrets }: RunJob,
  opener: SecretOpener | undefined,
): AttemptSecrets | undefined | string => {
  if (secrets === undefined) return undefined;
  if (opener === undefined) return 'this worker has no key to open secrets with';
  const values = new Map<string, string>();
  for (const [name, sealed] of Object.entries(secrets)) {
    try {
      values.set(name, opener.open({ tenant: form.tenant, name }, sealed));
    } catch (error) {
      return `the secret '${name}' does not open: ${(error as Error).message}`;
    }
  }
  const bytes = [...values.values()].reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  return bytes <= SECRET_BYTES_PER_JOB_MAX
    ? new AttemptSecrets(values)
    : `its secrets have ${bytes} bytes together; ${SECRET_BYTES_PER_JOB_MAX} are what one job may have`;
};

export class AttemptSecrets {
  private readonly values: ReadonlyMap<string, string>;
  /** Bytes of a value as JSON, by name. */
  private readonly sizes = new Map<string, number>();
  private readonly forms: SecretForms;
  private readonly masks: Readonly<Record<OutputStream, Mask>>;

  constructor(values: ReadonlyMap<string, string>) {
    this.values = values;
    this.forms = new SecretForms([...values.values()]);
    this.masks = { stdout: new Mask(this.forms), stderr: new Mask(this.forms) };
  }

  /**
   * `args` with values in the place of references; a sentence for the tenant when they cannot be filled in. `besides`: bytes that
   * go with them.
   */
  fill(args: JsonObject, besides = 0): JsonObject | string {
    const used: string[] = [];
    const filled = this.fillMembers(args, used);
    const missing = used.find((name) => !this.values.has(name));
    if (missing !== undefined) return `the secret '${missing}' is not there any more`;
    // Counted before it is written: a few bytes of arguments can name a long secret thousands of times.
    const bytes = used.reduce((sum, name) => sum + this.jsonBytes(name), jsonBytesOf(args) + besides);
    return bytes <= FRAME_BYTES_MAX - RUN_HEAD_BYTES
      ? filled
      : `the arguments are too long with its secrets filled in: ${bytes} bytes as JSON`;
  }

  /** What of a stream may be shown now that `bytes` came. */
  show(stream: OutputStream, bytes: Buffer): Buffer {
    return this.masks[stream].push(bytes);
  }

  /** Gives the rest of each stream; `isCut` where the tool wrote more than came here. */
  rest(isCut: boolean, give: (stream: OutputStream, bytes: Buffer) => void): void {
    for (const stream of ['stdout', 'stderr'] as const) give(stream, this.masks[stream].end(isCut));
  }

  hide(text: string): string {
    return this.forms.hide(text, text.length >= MESSAGE_CHARS_MAX);
  }

  hideIn(value: JsonValue): JsonValue {
    return this.forms.hideIn(value);
  }

  /** Notes each name that it meets in `used`. */
  private fillMembers(value: JsonObject, used: string[]): JsonObject {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, this.fillValue(inner, used)]),
    );
  }

  private fillValue(value: JsonValue, used: string[]): JsonValue {
    if (Array.isArray(value)) return value.map((inner) => this.fillValue(inner as JsonValue, used));
    if (typeof value !== 'object' || value === null) return value;
    const members = value as JsonObject;
    const name = members[SECRET_MEMBER];
    if (typeof name !== 'string') return this.fillMembers(members, used);
    used.push(name);
    return this.values.get(name) ?? null;
  }

  private jsonBytes(name: string): number {
    const known = this.sizes.get(name);
    if (known !== undefined) return known;
    const bytes = jsonBytesOf(this.values.get(name) ?? null);
    this.sizes.set(name, bytes);
    return bytes;
  }
}

const jsonBytesOf = (value: JsonValue): number => Buffer.byteLength(JSON.stringify(value));
