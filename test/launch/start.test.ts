/** `npm start` as a newcomer types it: what it prints, how it ends, and that nothing of it stays. */
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '@zerofleet/launch';
import { eventually } from '../fleet/eventually.js';
import { inventory } from './leftovers.js';

interface Run {
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  readonly interrupt: () => void;
}

/** Runs `npm start -- …` in a process group of its own, as a terminal would. */
const start = (...args: string[]): Run => {
  const child = spawn('npm', ['start', '--', ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString('utf8')));
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString('utf8')));
  return {
    output: () => output,
    ended: new Promise((resolve) => child.once('close', resolve)),
    // Ctrl-C reaches every process of the terminal's foreground group.
    interrupt: () => void process.kill(-(child.pid ?? 0), 'SIGINT'),
  };
};

const seen = (run: Run, text: RegExp): Promise<true> =>
  eventually(String(text), async () => (text.test(run.output()) ? true : undefined), 240_000, 20);

describe('npm start', () => {
  let before: string[] = [];
  beforeEach(() => {
    before = inventory();
  });
  afterEach(async () => {
    // The engine removes a container's mounts a moment after the container.
    await eventually(
      'nothing left',
      async () => (JSON.stringify(inventory()) === JSON.stringify(before) ? true : undefined),
      15_000,
      200,
    ).catch(() => undefined);
    expect(inventory()).toEqual(before);
  });

  it.each([['--once'], ['--once', '--mode=oneshot'], ['--once', '--mode=process'], ['--swarm', '--once']])(
    '%s %s runs the samples and leaves',
    async (...args) => {
      const run = start(...args.filter((arg) => arg !== undefined));
      expect(await run.ended).toBe(0);
      expect(run.output()).toMatch(/step 5 of 5/);
      expect(run.output()).toMatch(/500000500000/);
      expect(run.output()).toMatch(/Node v\d+/);
      expect(run.output()).toMatch(/hello fleet/);
      expect(run.output()).toMatch(/All samples succeeded/);
      expect(run.output()).not.toMatch(/ {4}at .*\.js/);
    },
  );

  it('stays up until Ctrl-C, then leaves', async () => {
    const run = start();
    await seen(run, /Ctrl-C/);
    expect(run.output()).toMatch(/ZEROFLEET_URL=/);
    run.interrupt();
    expect(await run.ended).not.toBe(0);
  });

  it.each([
    [/NATS server/, []],
    [/code_execution/, []],
    [/Swarm: done/, ['--swarm']],
    [/stack zerofleet/, ['--swarm']],
    [/code_execution/, ['--swarm']],
  ])('is interrupted at %s with %j and leaves nothing', async (when, args) => {
    const run = start(...args);
    await seen(run, when);
    run.interrupt();
    expect(await run.ended).not.toBe(0);
  });

  it('says what is wrong with its arguments in one line, with exit code 2', async () => {
    const run = start('--bogus');
    expect(await run.ended).toBe(2);
    expect(run.output()).toMatch(/zerofleet: .*--bogus/);
  });
});
