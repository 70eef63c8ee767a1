/**
 * Attack programs: each a file of test/abuse/attacks, sent as a code_execution job of a hostile tenant.
 *
 * A program tells what came out in lines of its standard output that begin with MARK and go on as JSON; what it prints besides
 * is noise. Before a Python program goes attacks/prelude.py, which says how it tells.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@zerofleet/launch';
import type { JsonObject } from '@zerofleet/model';
import type { JobView, Submit } from '@zerofleet/protocol';
import { clientOf, facts, outputOf, run } from './fleet.js';
import type { AbuseFacts, TenantName } from '../setup.js';

const FOLDER = join(ROOT, 'test', 'abuse', 'attacks');
const MARK = 'ZF ';
/** How often jobs are sent until one meets a container again, at most, and how many at once, one more each time. */
const SAME_TRIES = 8;
const AT_ONCE = 4;

const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

/** A program's code_execution arguments: Python with its prelude, or bash. */
const argumentsOf = (file: string, args: readonly string[], stdin: string): JsonObject => ({
  ...(file.endsWith('.py')
    ? { runtime: 'python', code: `${read('prelude.py')}\n${read(file)}` }
    : { runtime: 'terminal', code: read(file) }),
  args: [...args],
  ...(stdin === '' ? {} : { stdin }),
});

export interface AttackOptions {
  /** Default `mallory`. */
  readonly as?: TenantName;
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly timeoutMs?: number;
  readonly files?: Submit['files'];
  readonly collect?: Submit['collect'];
  /** The fleet that is attacked; default the suite's. */
  readonly of?: AbuseFacts;
}

/** What a program told, a line each. */
export type Told = Readonly<Record<string, unknown>>;

export interface AttackEnd {
  readonly job: JobView;
  readonly told: readonly Told[];
  /** The engine's short id of the container that it ran in; '' if it did not say. */
  readonly container: string;
  /** When it began by its own clock, which is the host's; NaN if it did not say. */
  readonly beganAtMs: number;
}

/** A submission of the attack program `file`. */
export const submissionOf = (file: string, options: AttackOptions = {}): Submit => ({
  tool: 'code_execution',
  arguments: argumentsOf(file, options.args ?? [], options.stdin ?? ''),
  timeoutMs: options.timeoutMs ?? 20_000,
  maxAttempts: 1,
  ...(options.files === undefined ? {} : { files: options.files }),
  ...(options.collect === undefined ? {} : { collect: options.collect }),
});

/** Runs the attack program `file` to its end. */
export const attack = async (file: string, options: AttackOptions = {}): Promise<AttackEnd> => {
  const client = clientOf(options.as ?? 'mallory', options.of ?? facts());
  return endOf(await run(client, submissionOf(file, options)));
};

/** What an ended attack told. */
export const endOf = (job: JobView): AttackEnd => {
  const told = outputOf(job)
    .toString('utf8')
    .split('\n')
    .flatMap((line) => (line.startsWith(MARK) ? [parse(line.slice(MARK.length))] : []));
  const first = told.find((one) => typeof one['container'] === 'string');
  return {
    job,
    told,
    container: typeof first?.['container'] === 'string' ? first['container'] : '',
    beganAtMs: typeof first?.['at'] === 'number' ? first['at'] * 1_000 : Number.NaN,
  };
};

const parse = (text: string): Told => {
  try {
    return JSON.parse(text) as Told;
  } catch {
    return {};
  }
};

/** What was tried, each with what came of it: an errno's name, or `done`. */
export const triedIn = ({ told }: AttackEnd): Readonly<Record<string, string>> =>
  Object.fromEntries(
    told.flatMap(({ tried, got }) => (typeof tried === 'string' ? [[tried, String(got)]] : [])),
  );

/** The value of the last line that told `name`. */
export const toldOf = ({ told }: AttackEnd, name: string): unknown =>
  told.findLast((one) => one[name] !== undefined)?.[name];

/**
 * Runs `file` as the tenant of `before`, several at once, until one meets the container of `before` again: it takes a reset, and
 * as many as before would always meet the containers that were used last. Gives every end.
 */
export const untilSameContainer = async (
  file: string,
  before: AttackEnd,
  options: AttackOptions = {},
): Promise<readonly AttackEnd[]> => {
  const ends: AttackEnd[] = [];
  for (let tries = 0; tries < SAME_TRIES; tries += 1) {
    ends.push(...(await Promise.all(Array.from({ length: AT_ONCE + tries }, () => attack(file, options)))));
    if (ends.some(({ container }) => container === before.container)) return ends;
  }
  throw new Error(`the container ${before.container} did not serve its tenant again`);
};
