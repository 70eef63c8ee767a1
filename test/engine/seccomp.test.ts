/**
 * What the profile of tool containers refuses, in a real one, as the job's user and as the container's root; and that it is the
 * profile which refuses: the same calls in a container without one.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { callWith } from '../broker/ground.js';
import { BrokerProcess } from './broker-process.js';

const image = inject('engine').toolImage;
const probe = readFileSync(new URL('./seccomp-probe.py', import.meta.url));
/** What libc must not take for forbidden, but for not there: it falls back to what is looked into. */
const NOT_THERE = new Set(['clone3']);
/** What a filter kills for that is not of its architecture; the kernel may have been built without either. */
const KILLED = ['a call of 32 bits', 'a call of x32'];
const SIGSYS = -31;
const SIGSEGV = -11;
/** Refused by the profile and by nothing else, on every kernel that there is. */
const BY_THE_PROFILE = [
  'add_key',
  'clone user',
  'io_uring_setup',
  'keyctl',
  'personality',
  'ptrace',
  'request_key',
  'unshare user',
];

interface Probed {
  readonly tried: Readonly<Record<string, number | null>>;
  readonly needed: readonly string[];
  readonly EPERM: number;
  readonly ENOSYS: number;
}

const runProbe = (...command: string[]): Probed =>
  JSON.parse(execFileSync('docker', command, { input: probe, encoding: 'utf8' })) as Probed;

let broker: BrokerProcess;
let stream: Duplex;
let id: string;

describe('the seccomp profile', () => {
  beforeAll(async () => {
    broker = new BrokerProcess([image]);
    await broker.start();
    ({ id, stream } = await callWith(broker.caller('w1', image)).attached());
    // Not before its runner is ready: until then it ends whatever it finds running, and itself for having found it.
    await once(stream, 'data');
  });
  afterAll(async () => {
    stream.destroy();
    await broker.remove();
  });

  it.each(['10001', '0'])('refuses user %s everything but what tools need', (user) => {
    const { tried, needed, EPERM, ENOSYS } = runProbe('exec', '-i', '-u', user, id, 'python3', '-');
    for (const [name, result] of Object.entries(tried)) {
      if (result === null) continue;
      if (needed.includes(name)) expect(result, name).toBe(0);
      else if (KILLED.includes(name)) expect([SIGSYS, SIGSEGV, ENOSYS], name).toContain(result);
      else expect(result, name).toBe(NOT_THERE.has(name) ? ENOSYS : EPERM);
    }
    expect(Object.keys(tried).length).toBeGreaterThan(70);
  });

  it('is what refuses: without it the kernel looks at the calls', () => {
    const sealed = ['--network', 'none', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
    const open = ['--security-opt', 'seccomp=unconfined', '--entrypoint', 'python3', '-u', '10001'];
    const { tried, EPERM } = runProbe('run', '--rm', '-i', ...sealed, ...open, image, '-');
    const looked = Object.keys(tried).filter((name) => tried[name] !== EPERM);
    expect(looked).toEqual(expect.arrayContaining(BY_THE_PROFILE));
  });
});
