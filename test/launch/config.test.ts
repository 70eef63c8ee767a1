/** A bad setting ends a process at once: one line that names the variable, exit code 2, no stack trace. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ROOT } from '@zerofleet/launch';

const run = (app: string, env: Record<string, string>): { status: number | null; stderr: string } => {
  const base = {
    PATH: process.env['PATH'] ?? '',
    ZF_TOOLS_DIR: `${ROOT}/images/tools/definitions`,
    ZF_IMAGE_TOOLS: 'x',
  };
  const entry = `${ROOT}/packages/${app}/dist/main.js`;
  const { status, stderr } = spawnSync(process.execPath, [entry], {
    env: { ...base, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stderr };
};

describe('config', () => {
  it.each([
    ['coordinator', { ZF_API_PORT: '99999' }, /ZF_API_PORT/],
    ['coordinator', { ZF_TENANTS_FILE: '/does/not/exist' }, /ZF_TENANTS_FILE/],
    ['coordinator', { ZF_TENANTS_FILE: '/etc/hostname' }, /ZF_TENANTS_FILE/],
    ['coordinator', { ZF_WORKER_SILENCE_MS: '5', ZF_TENANTS_FILE: '/dev/null' }, /ZF_WORKER_SILENCE_MS/],
    ['worker', { ZF_EXECUTION_MODE: 'magic' }, /ZF_EXECUTION_MODE/],
    ['worker', { ZF_EXECUTION_MODE: 'warm' }, /ZF_BROKER_SOCKET/],
    ['worker', { ZF_WORKER_CPU_MILLI: '-1' }, /ZF_WORKER_CPU_MILLI/],
    ['engine-broker', {}, /ZF_BROKER_SOCKET/],
  ])('%s with %j', (app, env, line) => {
    const { status, stderr } = run(app, env);
    expect(status).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(line);
  });
});
