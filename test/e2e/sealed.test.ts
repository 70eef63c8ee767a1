/** Who gets into one of our containers on a real fleet finds Node there, and nothing else to go on with. */
import { spawnSync } from 'node:child_process';
import { describe, expect, inject, it } from 'vitest';
import { containerOf, type SwarmService } from '@zerofleet/launch';

const PROGRAMS = ['sh', '/bin/sh', 'bash', 'busybox', 'python3', 'perl', 'apt-get', 'curl', 'cat', 'env'];

describe('the containers of our processes', () => {
  it.each<SwarmService>(['coordinator', 'worker', 'broker'])('%s runs no shell', async (service) => {
    const container = (await containerOf(inject('fleet').stack, service)) ?? '';
    const run = (...command: string[]) =>
      spawnSync('docker', ['exec', '-u', '0', container, ...command], { encoding: 'utf8' });
    for (const program of PROGRAMS) {
      const { stdout, stderr } = run(program);
      expect(stdout + stderr).toMatch(/not found|no such file/);
    }
    const writing = `try { require('fs').writeFileSync('/app/x', ''); } catch (error) { console.log(error.code); }`;
    expect(run('node', '-e', writing).stdout.trim()).toBe('EROFS');
  });
});
