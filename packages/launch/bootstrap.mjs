#!/usr/bin/env node
/**
 * What every npm command of this repository starts with: dependencies, build, then the command itself.
 * Uses Node's own modules only, because it runs before node_modules exists.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MODULES = `${ROOT}node_modules`;
const STAMP = `${MODULES}/.zerofleet-lock`;
const OLDEST_NODE = [20, 19];
/** Command → module in packages/launch/dist. */
const COMMANDS = {
  start: 'start.js',
  images: 'images.js',
  keygen: 'keygen.js',
  test: 'tests.js',
  'test:real': 'tests.js',
  'test:abuse': 'tests.js',
  load: 'load.js',
  bench: 'load.js',
};

const die = (message, code = 1) => {
  process.stderr.write(`zerofleet: ${message}\n`);
  process.exit(code);
};

/** Runs a command with its output kept; shows one line with the seconds so far; prints the output only on failure. */
const step = async (title, command, args) => {
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  const show = process.stdout.isTTY
    ? setInterval(() => process.stdout.write(`\r  ${title} ... ${seconds()}`), 200)
    : setInterval(() => process.stdout.write(`  ${title} ... ${seconds()}\n`), 10_000);
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(127);
    });
    child.on('close', (status, signal) => resolve(status ?? 128 + (constants.signals[signal] ?? 0)));
  });
  clearInterval(show);
  const line = `  ${title}: ${code === 0 ? 'done' : 'failed'} in ${seconds()}`;
  process.stdout.write(process.stdout.isTTY ? `\r${line}\x1b[K\n` : `${line}\n`);
  if (code === 0) return;
  process.stderr.write(`${output.trimEnd().split('\n').slice(-40).join('\n')}\n`);
  die(`${title} failed: '${[command, ...args].join(' ')}' ended with ${code}; see the lines above`);
};

const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(`${ROOT}package-lock.json`))
    .digest('hex');

/** Whether node_modules was installed from this very lock file. */
const installed = (hash) => {
  if (!existsSync(MODULES)) return false;
  if (existsSync(STAMP)) return readFileSync(STAMP, 'utf8') === hash;
  const tree = `${MODULES}/.package-lock.json`;
  return existsSync(tree) && statSync(tree).mtimeMs >= statSync(`${ROOT}package-lock.json`).mtimeMs;
};

const main = async () => {
  const [command = '', ...rest] = process.argv.slice(2);
  const module = COMMANDS[command];
  if (module === undefined)
    die(`unknown command '${command}'; one of ${Object.keys(COMMANDS).join(', ')}`, 2);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
    die(`Node ${process.versions.node} is too old; install Node ${OLDEST_NODE.join('.')} or newer`);
  const hash = lockHash();
  if (!installed(hash)) await step('dependencies (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund']);
  writeFileSync(STAMP, hash);
  await step('build (tsc -b)', process.execPath, [`${MODULES}/typescript/bin/tsc`, '-b']);
  const { main: run } = await import(pathToFileURL(`${ROOT}packages/launch/dist/${module}`).href);
  await run(command, rest);
};

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
main().catch((error) => die(error instanceof Error ? error.message : String(error)));
