/** `npm test`, `npm run test:real` and `npm run test:abuse`: sets up what tests need, runs them, takes it away, and adds up the results. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { command } from './command.js';
import { LaunchError, messageOf } from './errors.js';
import { ensureEngine, whyNoEngine } from './host/engine.js';
import { ensureNats } from './host/nats.js';
import { LAUNCH_ID } from './host/processes.js';
import { ensurePython } from './host/python.js';
import { ensureRedis } from './host/redis.js';
import { ensureImages } from './images/build.js';
import { say, step } from './output.js';
import { HOME, ROOT, TOOLS, ensureFolder } from './paths.js';
import { recover, type Session } from './session.js';
import { addCounts, countUnittest, countVitest, NO_COUNTS, type Counts } from './test-counts.js';

/** Projects that need a Docker engine, by command. */
const ON_ENGINE: Readonly<Record<string, readonly string[]>> = {
  test: ['engine', 'warm', 'e2e'],
  'test:real': ['warm-chaos', 'chaos', 'launch'],
  'test:abuse': ['abuse'],
};

export const main = (name: string, args: readonly string[]): Promise<void> =>
  command(async (session) => {
    if (args.length > 0)
      throw new LaunchError(
        `${name} takes no arguments; npx vitest run --project unit PATTERN runs single tests`,
        2,
      );
    await recover(session.made);
    await step('NATS server', () => ensureNats());
    await step('Redis server', () => ensureRedis());
    const python = await step('Python', () => ensurePython());
    session.make({ kind: 'processes', launchId: session.launchId });
    const totals: Counts[] = [];
    const notRun: string[] = [];
    if (name === 'test') {
      totals.push(
        await vitest(session, 'unit'),
        await unittest(session, python),
        await vitest(session, 'sim'),
      );
    }
    session.atEnd('what the tests left', async () => void (await recover(session.made)));
    if (name === 'test:real')
      for (const project of ['ledger-chaos', 'powercut']) totals.push(await vitest(session, project));
    const real = ON_ENGINE[name] ?? [];
    const why = await whyNoEngine();
    if (why === undefined) {
      await step('Docker engine', () => ensureEngine(session));
      await ensureImages(session, name === 'test:abuse' ? ['base-node', 'tools'] : undefined);
      for (const project of real) totals.push(await vitest(session, project));
    } else notRun.push(`${real.join(' and ')} not run: ${why}`);
    const total = totals.reduce(addCounts, NO_COUNTS);
    for (const line of notRun) say(line);
    // Again at the end: a log is long, and a test that fails once in fifty runs has only this to be known by.
    for (const failure of total.failures) say(`failed: ${failure}`);
    say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
    return total.failed > 0 || total.broken || notRun.length > 0 ? 1 : 0;
  });

/** Runs a program at the terminal, marked as ours, ended with the session. Returns its exit status. */
const atTerminal = (
  session: Session,
  program: string,
  args: readonly string[],
  onText?: (text: string) => void,
): Promise<number> =>
  new Promise((resolve) => {
    session.check();
    const env = { ...process.env, [LAUNCH_ID]: session.launchId };
    const child = spawn(program, args, {
      cwd: ROOT,
      env,
      detached: true,
      stdio: ['ignore', onText === undefined ? 'inherit' : 'pipe', onText === undefined ? 'inherit' : 'pipe'],
    });
    const take = (chunk: Buffer): void => {
      process.stdout.write(chunk);
      onText?.(chunk.toString('utf8'));
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const onAbort = (): void => void child.kill('SIGINT');
    session.signal.addEventListener('abort', onAbort, { once: true });
    child.on('error', (error) => {
      say(messageOf(error));
      resolve(127);
    });
    child.on('close', (code) => {
      session.signal.removeEventListener('abort', onAbort);
      resolve(code ?? 130);
    });
  });

const vitest = async (session: Session, project: string): Promise<Counts> => {
  say(`\n${project}`);
  const report = join(ensureFolder(join(HOME, 'tests')), `${project}.json`);
  rmSync(report, { force: true });
  const entry = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [
    entry,
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter',
    'default',
    '--reporter',
    'json',
    '--outputFile.json',
    report,
  ];
  const code = await atTerminal(session, process.execPath, args);
  session.check();
  return countVitest(existsSync(report) ? readFileSync(report, 'utf8') : '', code);
};

const unittest = async (session: Session, python: string): Promise<Counts> => {
  say('\nrunner (python)');
  const folder = join(TOOLS, 'test');
  if (!existsSync(folder)) return NO_COUNTS;
  let text = '';
  const code = await atTerminal(session, python, ['-m', 'unittest', 'discover', '-s', folder], (piece) => {
    text += piece;
  });
  session.check();
  return countUnittest(text, code);
};
