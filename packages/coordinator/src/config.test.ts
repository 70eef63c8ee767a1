import { describe, expect, it } from 'vitest';
import { ConfigError } from '@zerofleet/runtime';
import { loadCoordinatorConfig } from './config.js';

const NEEDED = { ZF_TENANTS_FILE: '/t', ZF_TOOLS_DIR: '/d', ZF_IMAGE_TOOLS: 'tools' };
const load = (env: Record<string, string>): ReturnType<typeof loadCoordinatorConfig> =>
  loadCoordinatorConfig({ ...NEEDED, ...env });

describe("the coordinator's config", () => {
  it('needs three settings and has defaults for the rest', () => {
    expect(load({})).toMatchObject({
      shard: 's0',
      apiPort: 8080,
      adminPort: 9090,
      executionMode: 'warm',
      queuedMax: 1_000_000,
      ledgerFormat: 2,
      workerSilenceMs: 6_000,
    });
    for (const name of Object.keys(NEEDED)) expect(() => load({ [name]: '' })).toThrow(`${name} must be set`);
  });

  it.each([
    ['ZF_API_PORT', '99999'],
    ['ZF_API_PORT', 'http'],
    ['ZF_API_PORT', ''],
    ['ZF_STREAM_REPLICAS', ''],
    ['ZF_QUEUED_MAX', '0'],
    ['ZF_QUEUED_MAX', '1.5'],
    ['ZF_EXECUTION_MODE', 'magic'],
    ['ZF_SHARD', 'S 0'],
    ['ZF_LOG_LEVEL', 'loud'],
    ['ZF_STREAM_REPLICAS', '2'],
    ['ZF_LEDGER_FORMAT', '3'],
    ['ZF_BLOBS_MAX_BYTES', '-1'],
    ['ZF_WORKER_SILENCE_MS', '1999'],
  ])('refuses %s=%s in one line that names it', (name, value) => {
    let message = '';
    try {
      load({ [name]: value });
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      message = (error as Error).message;
    }
    expect(message).toMatch(new RegExp(`^${name} `));
    expect(message).not.toContain('\n');
  });

  it('says everything that is wrong at once', () => {
    expect(() => load({ ZF_API_PORT: 'x', ZF_QUEUED_MAX: 'y' })).toThrow(/ZF_API_PORT.*; ZF_QUEUED_MAX/);
  });

  it('takes two heartbeats of silence, and cannot be changed afterwards', () => {
    const config = load({ ZF_WORKER_SILENCE_MS: '2000' });
    expect(config.workerSilenceMs).toBe(2_000);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it.each(['1', '3', '5'])('takes %s replicas', (replicas) => {
    expect(load({ ZF_STREAM_REPLICAS: replicas }).replicas).toBe(Number(replicas));
  });

  it.each(['1', '2'])('takes ledger format %s', (format) => {
    expect(load({ ZF_LEDGER_FORMAT: format }).ledgerFormat).toBe(Number(format));
  });
});
