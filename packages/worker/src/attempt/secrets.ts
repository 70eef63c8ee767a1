/**
 * The secrets of one attempt: opened here, put in the place of their references just before the arguments go to the runner,
 * and hidden in whatever comes back.
 *
 * S1  Values are held by the attempt alone, and by its container; no message, log, label or environment has them.
 */
import type { JsonObject, JsonValue, OutputStream } from '@zerofleet/model';
import { SECRET_MEMBER, type RunJob } from '@zerofleet/protocol';
import { Mask, SecretForms } from './mask.js';

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
  return new AttemptSecrets(values);
};

/** Arguments refer to a secret that is not there any more. */
export class MissingSecret extends Error {
  readonly code = 'secret_missing';
}

export class AttemptSecrets {
  private readonly values: ReadonlyMap<string, string>;
  private readonly forms: SecretForms;
  private readonly masks: Readonly<Record<OutputStream, Mask>>;

  constructor(values: ReadonlyMap<string, string>) {
    this.values = values;
    this.forms = new SecretForms([...values.values()]);
    this.masks = { stdout: new Mask(this.forms), stderr: new Mask(this.forms) };
  }

  /** `args` with values in the place of references. Throws MissingSecret. */
  fill(args: JsonObject): JsonObject {
    return this.fillMembers(args);
  }

  /** What of a stream may be shown now that `bytes` came. */
  show(stream: OutputStream, bytes: Buffer): Buffer {
    return this.masks[stream].push(bytes);
  }

  /** Gives the rest of each stream. */
  rest(give: (stream: OutputStream, bytes: Buffer) => void): void {
    for (const stream of ['stdout', 'stderr'] as const) give(stream, this.masks[stream].end());
  }

  hide(text: string): string {
    return this.forms.hide(text);
  }

  hideIn(value: JsonValue): JsonValue {
    return this.forms.hideIn(value);
  }

  private fillMembers(value: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, this.fillValue(inner)]));
  }

  private fillValue(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((inner) => this.fillValue(inner as JsonValue));
    if (typeof value !== 'object' || value === null) return value;
    const members = value as JsonObject;
    const name = members[SECRET_MEMBER];
    if (typeof name !== 'string') return this.fillMembers(members);
    const known = this.values.get(name);
    if (known === undefined) throw new MissingSecret(`the secret '${name}' is not there any more`);
    return known;
  }
}
