/** Tool definitions from a folder of JSON files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolDefinition } from '@zerofleet/model';
import { parseToolDefinition } from '@zerofleet/protocol';
import { ConfigError } from './config.js';

/** All definitions in `folder`, sorted by name. Throws ConfigError naming the file and what is wrong in it. */
export const readToolDefinitions = (
  folder: string,
  images: ReadonlyMap<string, string>,
): ToolDefinition[] => {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw new ConfigError(`ZF_TOOLS_DIR cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`);
  }
  const definitions = names.sort().map((name) => {
    const parsed = parseToolDefinition(readFileSync(join(folder, name)), images);
    if (!parsed.ok) throw new ConfigError(`ZF_TOOLS_DIR: ${name}: ${parsed.reason}`);
    return parsed.value;
  });
  if (definitions.length === 0) throw new ConfigError('ZF_TOOLS_DIR holds no tool definition');
  return definitions;
};
