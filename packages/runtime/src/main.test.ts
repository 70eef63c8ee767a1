/** The frame of a process, in a process of its own: exit codes and what it prints. */
import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const packages = new URL('../../', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'zerofleet-main-'));

/** Makes JavaScript of the sources, so that this test needs no build before it. */
const transpile = (from: string, to: string, files: readonly string[]): void => {
  mkdirSync(join(folder, to), { recursive: true });
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  for (const file of files) {
    const source = readFileSync(join(packages, from, file), 'utf8');
    const { outputText } = ts.transpileModule(source, { compilerOptions });
    const text = outputText.replaceAll("'@zerofleet/model'", "'../model/index.js'");
    writeFileSync(join(folder, to, file.replace(/\.ts$/, '.js')), text);
  }
};

beforeAll(() => {
  const model = readdirSync(join(packages, 'model/src')).filter((file) => !file.includes('.test.'));
  transpile('model/src', 'model', model);
  transpile('runtime/src', 'runtime', ['main.ts', 'config.ts', 'service.ts']);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(packages, '../node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `body` as the `build` of a main. Each time it prints `up`, the next of `signals` is sent. */
const run = (body: string, signals: readonly NodeJS.Signals[] = []): Promise<End> => {
  const script = join(folder, `${Math.random()}.js`);
  writeFileSync(
    script,
    `import { runMain } from './runtime/main.js';
import { ConfigError } from './runtime/config.js';
import { serviceOf } from './runtime/service.js';
const say = (text) => process.stdout.write(text + '\\n');
const alive = setInterval(() => undefined, 1000);
await runMain('app', (quit) => { ${body} });`,
  );
  const child = spawn(process.execPath, [script]);
  const waiting = [...signals];
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString();
    const signal = bytes.toString().includes('up') ? waiting.shift() : undefined;
    if (signal !== undefined) child.kill(signal);
  });
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
};

const UP = `async () => say('up')`;
const DOWN = `async () => say('down')`;

describe('a main', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops in order and exits with 0 at %s', async (signal) => {
    const end = await run(`return serviceOf(${UP}, ${DOWN});`, [signal]);
    expect(end).toEqual({ code: 0, stdout: 'up\ndown\n', stderr: '' });
  });

  it('stops at a signal that comes while it still starts', async () => {
    const start = `() => { say('up'); return new Promise(() => undefined); }`;
    const end = await run(`return serviceOf(${start}, ${DOWN});`, ['SIGTERM']);
    expect(end).toMatchObject({ code: 0, stdout: 'up\ndown\n' });
  });

  it('exits at once at a second signal', async () => {
    const stop = `() => { say('up again'); return new Promise(() => undefined); }`;
    const end = await run(`return serviceOf(${UP}, ${stop});`, ['SIGTERM', 'SIGTERM']);
    expect(end.code).toBe(70);
  });

  it('exits with 2 and one line at a config error, and with 1 at another failed start', async () => {
    expect(await run(`throw new ConfigError('ZF_X must be set');`)).toEqual({
      code: 2,
      stdout: '',
      stderr: 'app: ZF_X must be set\n',
    });
    const failing = `async () => { throw new Error('the port is taken'); }`;
    expect(await run(`return serviceOf(${failing}, ${DOWN});`)).toMatchObject({
      code: 1,
      stderr: 'app: the port is taken\n',
    });
  });

  it('stops in order and exits with 70 when it quits itself, and says why', async () => {
    const start = `async () => { setImmediate(() => quit('another leads')); }`;
    const end = await run(`return serviceOf(${start}, ${DOWN});`);
    expect(end).toEqual({ code: 70, stdout: 'down\n', stderr: 'app: ends: another leads\n' });
  });

  it.each([
    ['an exception that nobody caught', `setImmediate(() => { throw new Error('oops'); });`],
    ['a rejection that nobody caught', `void Promise.reject(new Error('oops'));`],
  ])('exits with 70 at %s', async (_what, bug) => {
    const end = await run(`return serviceOf(async () => { ${bug} }, ${DOWN});`);
    expect(end.code).toBe(70);
    expect(end.stderr).toMatch(/^app: bug: Error: oops/);
  });
});
