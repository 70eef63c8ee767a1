/** Quotas as people write them: `weight=2 submitRate=10/s:50 storedBytesMax=10GiB timeoutMsMax=30s queuedMax=none`. */
import { parseToolName, type QuotaChanges, type Quotas } from '@zerofleet/model';
import { CLASS_NAMES } from '@zerofleet/protocol';
import { parseDuration } from './duration.js';
import { UsageError } from './failure.js';

const NONE = 'none';
const TOOL_PREFIX = 'toolRunningMax.';
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const MS_PER_S = 1_000;

type Read = (name: string, text: string) => unknown;

const count: Read = (name, text) => {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new UsageError(`${name} is '${text}'; give a whole number from 1, or none`);
};

const bytes: Read = (name, text) => {
  const [, amount, unit = ''] = /^(\d{1,15})(KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  if (amount !== undefined && Number(amount) > 0) return Number(amount) * (BYTES[unit] ?? 1);
  throw new UsageError(`${name} is '${text}'; give bytes such as 500MiB or 10GiB, or none`);
};

const rate: Read = (name, text) => {
  const [, perSecond, burst] = /^(\d+(?:\.\d+)?)\/s:(\d{1,7})$/.exec(text) ?? [];
  if (perSecond !== undefined && burst !== undefined)
    return { perSecond: Number(perSecond), burst: Number(burst) };
  throw new UsageError(`${name} is '${text}'; give RATE/s:BURST such as 10/s:50, or none`);
};

const READERS: Readonly<Record<keyof Omit<Quotas, 'toolRunningMax'>, Read>> = {
  weight: (name, text) => {
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
    throw new UsageError(`${name} is '${text}'; give a number such as 2 or 0.5`);
  },
  ceiling: (name, text) => {
    const found = CLASS_NAMES.find((one) => one === text);
    if (found !== undefined) return found;
    throw new UsageError(`${name} is '${text}'; give one of ${CLASS_NAMES.join(', ')}`);
  },
  submitRate: rate,
  startRate: rate,
  queuedMax: count,
  runningMax: count,
  payloadBytesMax: bytes,
  timeoutMsMax: (name, text) => parseDuration(name, text),
  computeSecondsPerDay: (name, text) => {
    const seconds = parseDuration(name, text) / MS_PER_S;
    if (seconds >= 1 && Number.isInteger(seconds)) return seconds;
    throw new UsageError(`${name} is '${text}'; give whole seconds such as 3600 or 10h, or none`);
  },
  sessionsMax: count,
  storedBytesMax: bytes,
};

/** Names that may be set. */
export const QUOTA_NAMES: readonly string[] = [...Object.keys(READERS), `${TOOL_PREFIX}TOOL`];

const isName = (name: string): name is keyof typeof READERS => Object.hasOwn(READERS, name);

/** The changes that `words`, each KEY=VALUE, ask for. Throws UsageError. */
export const quotasIn = (words: readonly string[]): QuotaChanges => {
  const seen = new Set<string>();
  const changes: Record<string, unknown> = {};
  const tools: Record<string, unknown> = {};
  for (const word of words) {
    const [, name = '', text = ''] = /^([^=]+)=(.+)$/s.exec(word) ?? [];
    if (name === '')
      throw new UsageError(`'${word}' is no quota; write KEY=VALUE, KEY one of ${QUOTA_NAMES.join(', ')}`);
    if (seen.has(name)) throw new UsageError(`'${name}' is given twice; give it once`);
    seen.add(name);
    if (name.startsWith(TOOL_PREFIX)) tools[toolIn(name)] = toolCount(name, text);
    else if (isName(name))
      changes[name] = text === NONE && mayBeNone(name) ? null : READERS[name](name, text);
    else throw new UsageError(`there is no quota '${name}'; there are ${QUOTA_NAMES.join(', ')}`);
  }
  return {
    ...changes,
    ...(Object.keys(tools).length === 0 ? {} : { toolRunningMax: tools }),
  } as QuotaChanges;
};

const toolIn = (name: string): string => {
  const tool = name.slice(TOOL_PREFIX.length);
  if (parseToolName(tool) !== undefined) return tool;
  throw new UsageError(`'${name}' names no tool; write ${TOOL_PREFIX}TOOL, TOOL as in 'zerofleet tools'`);
};

/** The API takes limits of tools back all at once. */
const toolCount: Read = (name, text) => {
  if (text !== NONE) return count(name, text);
  throw new UsageError(`${name} cannot be none; unset toolRunningMax, and set those of other tools again`);
};

const mayBeNone = (name: string): boolean => name !== 'weight' && name !== 'ceiling';

/** Names of quotas that `words` are. Throws UsageError. */
export const quotaNamesIn = (words: readonly string[]): (keyof Quotas)[] =>
  words.map((word) => {
    if (isName(word) || word === 'toolRunningMax') return word;
    throw new UsageError(
      `there is no quota '${word}'; there are ${[...Object.keys(READERS), 'toolRunningMax'].join(', ')}`,
    );
  });

/** A quota's value for people. */
export const quotaText = (value: Quotas[keyof Quotas]): string => {
  if (value === null) return NONE;
  if (typeof value !== 'object') return String(value);
  if ('perSecond' in value) return `${String(value.perSecond)}/s:${String(value.burst)}`;
  const tools = Object.entries(value).map(([tool, most]) => `${tool}: ${most}`);
  return tools.length === 0 ? NONE : tools.join(', ');
};
