/**
 * The image of coordinator, worker and broker, in containers as stack.yml makes them: there is nothing in it to go on with for
 * who gets into one.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../fleet/eventually.js';
import { docker } from './broker-process.js';

const image = inject('engine').fleetImage;
const name = `zf-sealed-${randomUUID().slice(0, 8)}`;
const SEALED = ['--read-only', '--cap-drop', 'ALL', '--network', 'none', '--init'];
/** A process that answers as an admin listener does. */
const ADMIN = `require('http').createServer((ask, answer) => {
  answer.statusCode = ask.url === '/healthz' ? 200 : 503;
  answer.end('{"path":"' + ask.url + '"}');
}).listen(9100)`;

const PROGRAMS = {
  shells: ['sh', 'bash', 'dash', 'ash', 'busybox', 'toybox'],
  interpreters: ['python3', 'perl', 'ruby', 'lua', 'awk', 'sed', 'php'],
  'package managers': ['apt-get', 'dpkg', 'npm', 'npx', 'corepack', 'yarn', 'pip'],
  'ways out': ['curl', 'wget', 'nc', 'socat', 'ssh', 'openssl'],
  tools: ['env', 'xargs', 'find', 'cat', 'cp', 'tar', 'mount', 'su', 'setpriv', 'chroot', 'nsenter'],
};
const FOLDERS = ['', '/bin/'];
/** What the engine's command line ends with for a program that is not there; which one depends on its release. */
const NOT_FOUND = [126, 127];

/** Runs a program in the container that runs, as `user`. */
const exec = (user: string, ...command: string[]): { status: number | null; output: string } => {
  const env = ['-e', 'ZF_ADMIN_PORT=9100'];
  const ran = spawnSync('docker', ['exec', '-u', user, ...env, name, ...command], { encoding: 'utf8' });
  return { status: ran.status, output: ran.stdout + ran.stderr };
};

describe('the image of our processes', () => {
  beforeAll(async () => {
    docker('run', '-d', '--name', name, ...SEALED, image, '-e', ADMIN);
    await eventually('it answers', async () =>
      exec('zerofleet', 'zf-probe', '/healthz').status === 0 ? true : undefined,
    );
  });
  afterAll(() => void docker('rm', '-f', name));

  it.each(Object.entries(PROGRAMS))('has no %s', (_what, programs) => {
    for (const program of programs.flatMap((one) => FOLDERS.map((folder) => `${folder}${one}`))) {
      const { status, output } = exec('root', program);
      expect(NOT_FOUND, `${program}: ${output}`).toContain(status);
      expect(output).toMatch(/not found|no such file/);
    }
  });

  it('has no other program than Node and the probe, and nothing that changes a user', () => {
    const files = exec(
      'root',
      'node',
      '-e',
      `const { lstatSync, readdirSync, readlinkSync, openSync, readSync } = require('fs');
       const visit = (folder) => {
         for (const name of readdirSync(folder)) {
           const path = folder + name;
           if (['/proc', '/sys', '/dev'].includes(path)) continue;
           const stat = lstatSync(path);
           if (stat.isDirectory()) visit(path + '/');
           if (!stat.isFile()) continue;
           const head = Buffer.alloc(4);
           readSync(openSync(path), head);
           const isProgram = head.toString('latin1') === '\\x7fELF' || head.toString('latin1', 0, 2) === '#!';
           if (stat.mode & 0o6000) console.log('changes the user: ' + path);
           if (isProgram && stat.mode & 0o111 && !path.startsWith('/app/node_modules/')) console.log(path);
           if (stat.mode & 0o022) console.log('written by all: ' + path);
         }
       };
       visit('/');`,
    );
    const paths = files.output.trim().split('\n');
    const others = paths.filter((path) => !/^\/lib(64)?\/.*\.so/.test(path));
    // The engine's own, mounted in: it starts what it is told to, and nothing else is there to be started.
    expect(others.sort()).toEqual(['/sbin/docker-init', '/usr/local/bin/node', '/usr/local/bin/zf-probe']);
  });

  it('gives a process that runs a command nothing to run it with', () => {
    const { output } = exec(
      'root',
      'node',
      '-e',
      `require('child_process').exec('id', (e) => console.log(e.code))`,
    );
    expect(output.trim()).toBe('ENOENT');
  });

  it('probes its own health without a shell', () => {
    expect(exec('zerofleet', 'zf-probe', '/healthz')).toEqual({ status: 0, output: '{"path":"/healthz"}' });
    expect(exec('zerofleet', 'zf-probe', '/readyz')).toEqual({ status: 1, output: '{"path":"/readyz"}' });
    expect(exec('zerofleet', 'node', '-e', `process.exit(0)`).status).toBe(0);
  });

  it('knows names, and who it runs as', () => {
    const lookup = `require('dns').lookup('localhost', (e, at) => console.log(at, require('os').userInfo().username))`;
    expect(exec('zerofleet', 'node', '-e', lookup).output.trim()).toBe('127.0.0.1 zerofleet');
  });
});
