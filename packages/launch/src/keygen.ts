/** `npm run keygen -- TENANT`: a new API key, shown once, and the entry for the tenants file. */
import { parseTenantId } from '@zerofleet/model';
import { command } from './command.js';
import { LaunchError } from './errors.js';
import { newApiKey, tenantEntry } from './keys.js';
import { say } from './output.js';

export const main = (_command: string, args: readonly string[]): Promise<void> =>
  command(async () => {
    const [tenant, ...more] = args;
    if (tenant === undefined || more.length > 0)
      throw new LaunchError('keygen needs exactly one tenant: npm run keygen -- TENANT', 2);
    if (parseTenantId(tenant) === undefined)
      throw new LaunchError(
        `'${tenant}' is no tenant id: 1-63 characters of a-z 0-9 -, starting with a letter or digit`,
        2,
      );
    const key = newApiKey();
    say(`API key of ${tenant}, shown this once; keep it where your secrets are:`);
    say(`  ${key}`);
    say('Entry for "tenants" in ZF_TENANTS_FILE (it holds only the hash):');
    say(`  ${JSON.stringify(tenantEntry(tenant, key))}`);
    return 0;
  });
