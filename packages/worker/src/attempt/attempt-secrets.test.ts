/** Secrets of an attempt, with the real runner as a subprocess: the tool has them, and nothing that comes back does. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobRef, JobId, JsonObject, Outcome, OutputChunk, TenantId, ToolName } from '@zerofleet/model';
import { chunkBytes, type RunJob } from '@zerofleet/protocol';
import { newRegistry, Sealer, silentLogger, systemClock, type BlobStore } from '@zerofleet/runtime';
import { Egress } from '../egress/egress.js';
import { SETTINGS } from '../egress/egress-bench.test.helper.js';
import { ProcessEngine } from '../engine/process-engine.js';
import { PoolDriver } from '../pool/pool-driver.js';
import { PoolMetrics } from '../pool/pool-metrics.js';
import { AttemptMetrics } from './attempt-metrics.js';
import { NO_SESSIONS } from '../session/no-sessions.test.helper.js';
import { Attempt } from './attempt.js';
import { MemoryIntake } from './memory-intake.test.helper.js';

const runnerDir = new URL('../../../../images/tools/runner', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'zf-attempt-'));
const keys = join(folder, 'keys');
writeFileSync(keys, `test:${'5'.repeat(64)}\n`);
const sealer = Sealer.fromFile(keys) as Sealer;

const TENANT = 'ada' as TenantId;
const VALUE = 'sword/fish "ü" of the sea\nand its second line';
/** Longer than an error's sentence may be. */
const LONG_PATH = 'sword/fish'.repeat(300);
const REF = { $secret: 'TOKEN' };
const sealedFor = (tenant: string, value = VALUE): string => sealer.seal({ tenant, name: 'TOKEN' }, value);

const jobOf = (args: JsonObject, change: Partial<RunJob> = {}, outputBytes = 100_000): RunJob => ({
  id: '00000000-0000-7000-8000-000000000001' as JobId,
  attempt: 1,
  timeoutMs: 20_000,
  payload: { kind: 'inline', bytes: 1, payload: { arguments: args, files: [] } },
  secrets: { TOKEN: sealedFor(TENANT) },
  form: {
    tenant: TENANT,
    tool: 'code_execution' as ToolName,
    mode: 'process',
    pool: {
      image: 'tools',
      runtime: 'runc',
      resources: { cpuMilli: 1, memoryMiB: 1, pids: 64, workMiB: 8, tmpMiB: 8 },
    },
    reuse: 'tenant',
    outputBytes,
  },
  ...change,
});
const python = (code: string): JsonObject => ({ runtime: 'python', code, stdin: REF });

let scratchDir: string;
let pool: PoolDriver;
let opened: number;
let live: OutputChunk[];
let stored: Map<string, Buffer>;

const blobs: BlobStore = {
  put: (bytes: Uint8Array): Promise<BlobRef> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    stored.set(sha256, Buffer.from(bytes));
    return Promise.resolve({ sha256, bytes: bytes.byteLength });
  },
  get: ({ sha256 }: BlobRef): Promise<Uint8Array> => Promise.resolve(stored.get(sha256) ?? Buffer.alloc(0)),
};

const run = async (job: RunJob, opener: Sealer | undefined): Promise<Outcome> => {
  const publish = (chunks: readonly OutputChunk[]): void => void live.push(...chunks);
  const [clock, log, registry] = [systemClock, silentLogger(), newRegistry()];
  const attempt = new Attempt(job, {
    ...{ pool, blobs, publish, sealer: opener, sessions: NO_SESSIONS, clock, log },
    egress: new Egress({ settings: SETTINGS, tools: [], clock, log, registry }),
    files: new MemoryIntake(),
    metrics: new AttemptMetrics(newRegistry()),
  });
  const end = await attempt.run();
  if (end.kind !== 'outcome') throw new Error(`it ended as ${end.kind}`);
  expect(Buffer.concat(live.map(chunkBytes)).equals(outputOf(end.outcome))).toBe(true);
  return end.outcome;
};

const outputOf = (outcome: Outcome): Buffer => {
  const output = outcome.report?.output;
  if (output === undefined) return Buffer.alloc(0);
  const chunks =
    output.kind === 'inline'
      ? output.chunks
      : (JSON.parse(String(stored.get(output.blob.sha256))) as OutputChunk[]);
  return Buffer.concat(chunks.map(chunkBytes));
};

beforeEach(() => {
  scratchDir = mkdtempSync(join(folder, 'scratch-'));
  // As the test's own user: as root the runner would end every process of the job's user on this machine.
  const engine = new ProcessEngine({ python: 'python3', runnerDir, scratchDir, uidBase: undefined });
  opened = 0;
  live = [];
  stored = new Map();
  pool = new PoolDriver({
    engine: {
      open: () => {
        opened += 1;
        return engine.open();
      },
    },
    clock: systemClock,
    log: silentLogger(),
    policy: {
      budgetMiB: 1_000,
      startsMax: 1,
      idleMaxMs: 60_000,
      sessionIdleMaxMs: 60_000,
      ageMaxMs: 60_000,
      usesMax: 9,
    },
    stocks: [],
    metrics: new PoolMetrics(newRegistry(), () => []),
    onChange: () => undefined,
  });
  pool.start();
});
afterEach(async () => {
  await pool.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('an attempt with secrets', () => {
  it('gives the tool its value, and hides it in output, result and error', async () => {
    const code = `
import json, sys, base64, urllib.parse
v = sys.stdin.read()
print(len(v.encode()))
for b in v.encode(): sys.stdout.buffer.write(bytes([b])); sys.stdout.flush()
print(json.dumps(v), urllib.parse.quote(v), base64.b64encode(v.encode()).decode(), [v], v.encode())
sys.stdout.buffer.write(b"\\xff" + v.encode() + b"\\xfe\\n")
sys.exit(v)
`;
    const outcome = await run(jobOf(python(code)), sealer);
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'tool_error' } });
    const shown = outputOf(outcome);
    const bytes = Buffer.byteLength(VALUE);
    // The last characters of base64 hold bits of what follows.
    expect(shown.toString('latin1').replace(/\w?=*(?= \[)/, '')).toBe(
      `${bytes}\n***"***" *** *** ['***'] b'***'\n\xff***\xfe\n***\n`,
    );
    const all = Buffer.concat([shown, Buffer.from(JSON.stringify(outcome))]);
    for (const part of ['sword', 'second line', 'c3dvcmQ']) expect(all.includes(part), part).toBe(false);
    expect(outcome.report?.output.bytes).toBe(shown.byteLength);
  });

  it('hides it in a result', async () => {
    const job = jobOf({ text: REF, repeat: 2 });
    const outcome = await run({ ...job, form: { ...job.form, tool: 'echo' as ToolName } }, sealer);
    expect(outcome).toMatchObject({ kind: 'succeeded', report: { value: { text: '***' } } });
    expect(outputOf(outcome).toString()).toBe('***\n***\n');
  });

  it('shows nothing of one that the output limit has cut in two', async () => {
    const code = 'import sys\nsys.stdout.write("x" * 10 + sys.stdin.read() + "y" * 100)';
    for (const limit of [12, 10 + VALUE.length - 2]) {
      live = [];
      const outcome = await run(jobOf(python(code), {}, limit), sealer);
      expect(outcome.report?.output).toMatchObject({ truncated: true });
      expect(outputOf(outcome).toString()).toMatch(/^x{10}\*{1,3}$/);
    }
  });

  it('shows nothing of one in a sentence that the runner has cut', async () => {
    const job = jobOf({ action: 'read', path: REF }, { secrets: { TOKEN: sealedFor(TENANT, LONG_PATH) } });
    const outcome = await run({ ...job, form: { ...job.form, tool: 'text_editor' as ToolName } }, sealer);
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'tool_error', message: '***' } });
  });

  it.each<[string, RunJob, RegExp, Sealer | undefined]>([
    ['is gone', jobOf(python(''), { secrets: {} }), /'TOKEN' is not there any more/, sealer],
    [
      "is another tenant's",
      jobOf(python(''), { secrets: { TOKEN: sealedFor('bob') } }),
      /'TOKEN' does not open/,
      sealer,
    ],
    ['cannot be opened here', jobOf(python('')), /no key/, undefined],
    [
      'is one of too many bytes',
      jobOf(python(''), { secrets: { TOKEN: sealedFor(TENANT, 'x'.repeat(65_537)) } }),
      /65537 bytes together/,
      sealer,
    ],
    [
      'is named a hundred thousand times',
      jobOf(
        { runtime: 'python', code: '', args: Array.from({ length: 100_000 }, () => REF) },
        { secrets: { TOKEN: sealedFor(TENANT, 'x'.repeat(32_768)) } },
      ),
      /too long with its secrets filled in/,
      sealer,
    ],
  ])('does not start anything where one %s', async (_what, job, message, opener) => {
    const outcome = await run(job, opener);
    expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'start_failed' }, report: null });
    expect(outcome.kind === 'failed' && outcome.failure.message).toMatch(message);
    expect(opened).toBe(0);
  });

  it('leaves nothing of it on disk', async () => {
    await run(jobOf(python('import sys\nopen("kept", "w").write(sys.stdin.read())')), sealer);
    await pool.close();
    const files = readdirSync(scratchDir, { recursive: true, encoding: 'utf8' });
    for (const file of files) expect(readFileSync(join(scratchDir, file), 'utf8')).not.toContain('sword');
    expect(files).toEqual([]);
  });
});
