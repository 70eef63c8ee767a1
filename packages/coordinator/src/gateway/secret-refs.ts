/** References to secrets in arguments. */
import type { JsonObject, Refusal } from '@zerofleet/model';

/** Names of the secrets that `args` refers to, or what is wrong with a reference. */
export const secretNamesIn = (_args: JsonObject): { readonly names: readonly string[] } | Refusal => ({
  names: [],
});
