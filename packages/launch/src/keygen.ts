/**
 * `npm run keygen -- TENANT`, `npm run keygen -- --operator`: a new API key, shown once, and the entry for the file of its kind.
 * It is how the first operator's key is made: nothing on the network can make one that nobody has.
 */
import { parseTenantId } from '@zerofleet/model';
import { command } from './command.js';
import { LaunchError } from './errors.js';
import { newApiKey, newSealingKey, operatorEntry, tenantEntry } from './keys.js';
import { say } from './output.js';

export const main = (_command: string, args: readonly string[]): Promise<void> =>
  command(async () => {
    const [whose, ...more] = args;
    if (whose === undefined || more.length > 0)
      throw new LaunchError(
        'keygen needs exactly one of: TENANT, --operator, --sealing (npm run keygen -- TENANT)',
        2,
      );
    if (whose === '--sealing') {
      say(
        'Line for ZF_SECRETS_KEY_FILE, shown this once; keep it where your secrets are, older lines below it:',
      );
      say(`  ${newSealingKey().trim()}`);
    } else if (whose === '--operator')
      sayKey("an operator's API key", '"operators" in ZF_OPERATORS_FILE', operatorEntry);
    else if (parseTenantId(whose) === undefined)
      throw new LaunchError(
        `'${whose}' is no tenant id: 1-63 characters of a-z 0-9 -, starting with a letter or digit`,
        2,
      );
    else sayKey(`API key of ${whose}`, '"tenants" in ZF_TENANTS_FILE', (key) => tenantEntry(whose, key));
    return 0;
  });

const sayKey = (what: string, list: string, entryOf: (key: string) => object): void => {
  const key = newApiKey();
  say(`${what.charAt(0).toUpperCase()}${what.slice(1)}, shown this once; keep it where your secrets are:`);
  say(`  ${key}`);
  say(`Entry for ${list} (it holds only the hash):`);
  say(`  ${JSON.stringify(entryOf(key))}`);
};
