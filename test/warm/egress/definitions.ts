/** A folder of tool definitions: the repository's, of which code_execution lists hosts. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFINITIONS } from '@zerofleet/launch';

/** Writes the definitions into `folder`, over those that are there. */
export const writeDefinitions = (folder: string, hosts: readonly string[]): void => {
  for (const file of readdirSync(DEFINITIONS)) {
    const tool = JSON.parse(readFileSync(join(DEFINITIONS, file), 'utf8')) as { name: string };
    const egress = tool.name === 'code_execution' ? { egress: { hosts } } : {};
    writeFileSync(join(folder, file), JSON.stringify({ ...tool, ...egress }));
  }
};
