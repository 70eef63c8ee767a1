/** The steady load test in a dose that fits here: it must run, audit every id, and say PASS. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ROOT } from '@zerofleet/launch';

describe('load', () => {
  it('steady: every accepted job has its one outcome', () => {
    const args = ['run', 'load', '--', 'steady', '--rate', '20', '--duration-s', '5'];
    const { status, stdout, stderr } = spawnSync('npm', args, {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 120_000,
    });
    expect(status, `${stdout.slice(-1_500)}\n${stderr.slice(-500)}`).toBe(0);
    expect(stdout).toMatch(/audited\s+right/);
    expect(stdout).toMatch(/^PASS$/m);
  });

  it('says in one line which scenarios there are', () => {
    const { status, stderr } = spawnSync('npm', ['run', '--silent', 'load', '--', 'nope'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/steady/);
  });
});
