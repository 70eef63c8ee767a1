/** Files that a job leaves, on a real fleet: from its work directory to whoever asked for them. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProblemError, ZerofleetClient } from '@zerofleet/sdk';
import { run as runCommand } from '@zerofleet/launch';
import { describe, expect, inject, it } from 'vitest';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const LARGE_BYTES = 20 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

const clientOf = (who: 0 | 1): ZerofleetClient =>
  new ZerofleetClient({ urls: [inject('warm').apiUrl], apiKey: inject('warm').keys[who] });
const client = clientOf(0);

const bash = async (code: string, collect: string[]) => {
  const { id } = await client.submit({
    tool: 'code_execution',
    arguments: { runtime: 'terminal', code },
    collect,
  });
  return client.wait(id, { timeoutMs: TIMEOUT_MS });
};

const read = async (id: string, path: string): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await client.jobs.download(id, path)).content) pieces.push(piece);
  return Buffer.concat(pieces);
};

const MAKE = [
  'mkdir -p out/deep',
  'printf "a report\\n" > out/report.txt',
  `head -c ${LARGE_BYTES} /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null > out/deep/large || head -c ${LARGE_BYTES} /dev/urandom > out/deep/large`,
  'sha256sum out/deep/large | cut -d" " -f1',
].join('\n');

describe('collected files', () => {
  it("come byte for byte, and are nobody else's", async () => {
    const job = await bash(MAKE, ['out']);
    expect(job).toMatchObject({ stage: 'succeeded', files: { count: 2, truncated: false } });
    const sum = (job.output?.chunks ?? [])
      .map(({ data }) => data)
      .join('')
      .trim();
    const list = await client.jobs.files(job.id);
    expect(list.files).toHaveLength(2);
    expect(list.files).toContainEqual({ path: 'out/deep/large', bytes: LARGE_BYTES, sha256: sum });
    expect((await read(job.id, 'out/report.txt')).toString()).toBe('a report\n');
    const large = await read(job.id, 'out/deep/large');
    expect(createHash('sha256').update(large).digest('hex')).toBe(sum);
    await expect(clientOf(1).jobs.files(job.id)).rejects.toBeInstanceOf(ProblemError);
    await expect(clientOf(1).jobs.download(job.id, 'out/report.txt')).rejects.toBeInstanceOf(ProblemError);
  });

  it('are kept of a job that fails, and what is no file is skipped', async () => {
    const job = await bash('mkfifo pipe; ln -s /etc/passwd link; echo yes > fine; exit 3', [
      'fine',
      'link',
      'not-there',
      'pipe',
    ]);
    expect(job.stage).toBe('failed');
    const list = await client.jobs.files(job.id);
    expect(list.files.map(({ path }) => path)).toEqual(['fine']);
    expect(list.skipped.map(({ path }) => path).sort()).toEqual(['link', 'not-there', 'pipe']);
  });

  it('are cut off at their limit, and say so', async () => {
    const job = await bash('touch $(seq 1001)', ['.']);
    expect(job).toMatchObject({ stage: 'succeeded', files: { count: 1_000, truncated: true } });
  });

  it('are saved by the command', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zf-collected-'));
    try {
      const { id } = await bash('mkdir -p out; echo hi > out/hi.txt', ['out']);
      const env = {
        ...process.env,
        ZEROFLEET_URL: inject('warm').apiUrl,
        ZEROFLEET_API_KEY: inject('warm').keys[0],
      };
      await runCommand(process.execPath, [CLI, 'files', id, '-o', folder], { env });
      expect(readFileSync(join(folder, 'out/hi.txt'), 'utf8')).toBe('hi\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
