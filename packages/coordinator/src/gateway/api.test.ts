/** The tenant API over the real engine, whose ledger, worker and stores are in memory. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BODY_BYTES_MAX,
  PROBLEMS,
  type BlobRef,
  type JobId,
  type Outcome,
  type ProblemCode,
  type TenantId,
  type ToolDefinition,
  type ToolName,
  type WorkerId,
  type BootId,
} from '@zerofleet/model';
import type { JobView, Problem, Run, RunJob, StatusView } from '@zerofleet/protocol';
import { newJobId, newRegistry, silentLogger, type BlobStore, type Clock } from '@zerofleet/runtime';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { Engine } from '../engine/engine.js';
import { ACCEPT_WAIT_MS } from '../engine/intake.js';
import type { AppendResult, Fence, JobSnapshot, LedgerPort } from '../engine/ports.js';
import { Catalog } from './catalog.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { addRoutes } from './routes.js';
import { newApiServer } from './server.js';
import type { ShardAccess } from './shard-access.js';
import { TenantDirectory } from './tenants.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const until = async (reached: () => boolean): Promise<void> => {
  while (!reached()) await settled();
};

/** Time that moves only when told. */
class HandClock implements Clock {
  private now = 0;
  private readonly timers = new Set<{ readonly atMs: number; readonly fire: () => void }>();

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.now;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.now + delayMs, fire };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  async advance(byMs: number): Promise<void> {
    const end = this.now + byMs;
    for (;;) {
      const [next] = [...this.timers].filter((one) => one.atMs <= end).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.timers.delete(next);
      this.now = next.atMs;
      next.fire();
      await settled();
    }
    this.now = end;
  }
}

/** A fenced log in memory; `away` makes appends end as unknown and reads fail. */
class ListLedger implements LedgerPort {
  readonly messages: Uint8Array[] = [];
  private readonly ids: string[] = [];
  away = false;
  fill = { bytes: 0, maxBytes: 100 };

  append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult> {
    if (this.away) return Promise.resolve({ kind: 'unknown', reason: 'away' });
    if (fence.lastSeq !== this.messages.length) return Promise.resolve({ kind: 'refused' });
    if (fence.lastId !== null && fence.lastId !== this.ids.at(-1))
      return Promise.resolve({ kind: 'refused' });
    this.messages.push(bytes);
    this.ids.push(id);
    return Promise.resolve({ kind: 'stored', seq: this.messages.length });
  }

  read(fromSeq: number, take: (seq: number, bytes: Uint8Array) => void): Promise<number> {
    if (this.away) return Promise.reject(new Error('away'));
    for (const [index, bytes] of this.messages.entries()) if (index + 1 >= fromSeq) take(index + 1, bytes);
    return Promise.resolve(this.messages.length);
  }

  purge(): Promise<void> {
    return Promise.resolve();
  }

  usage(): Promise<{ bytes: number; maxBytes: number }> {
    return Promise.resolve(this.fill);
  }
}

const TOOL: ToolDefinition = {
  name: 'echo' as ToolName,
  version: 3,
  description: 'says what it was told',
  adapter: 'native',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 64, workMiB: 16, tmpMiB: 16 },
  },
  limits: { timeoutMsDefault: 10_000, timeoutMsMax: 60_000, outputBytes: 1_024 },
  reuse: 'tenant',
  arguments: {
    type: 'object',
    required: ['text'],
    additionalProperties: false,
    properties: { text: { type: 'string' } },
  },
};
const WORKER = 'w1' as WorkerId;
const BOOT = '11111111-1111-4111-8111-111111111111' as BootId;
const KEYS = { ada: 'zf_ada', bob: 'zf_bob' } as const;
const JOB = { tool: 'echo', arguments: { text: 'hi' } };
const NOBODYS_JOB = '0192f3a0-0000-7000-8000-00000000dead';
const DONE: Outcome = {
  kind: 'succeeded',
  report: {
    value: { said: 'hi' },
    exitCode: 0,
    usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 },
    output: {
      kind: 'inline',
      bytes: 3,
      truncated: false,
      chunks: [{ offset: 0, stream: 'stdout', encoding: 'utf8', data: 'hi\n' }],
    },
  },
};
const DIRECTORY = new TenantDirectory(
  new Map(
    Object.entries(KEYS).map(([tenant, key]) => [
      createHash('sha256').update(key).digest('hex'),
      tenant as TenantId,
    ]),
  ),
);

class Bench {
  readonly clock = new HandClock();
  readonly ledger = new ListLedger();
  readonly runs: RunJob[] = [];
  readonly stored = new Map<string, Uint8Array>();
  readonly server: FastifyInstance;
  readonly engine: Engine;
  leading = true;
  connected = true;
  blobsAway = false;
  outcomes: ShardAccess['outcomes'];
  statusBreaks = false;

  constructor(limits: { queuedMax?: number; waitersMax?: number } = {}) {
    this.engine = new Engine({
      ledger: this.ledger,
      workers: {
        callRoster: () => undefined,
        run: (_worker, message: Run) => {
          this.runs.push(...message.jobs);
          return Promise.resolve({ v: 1, kind: 'taken', refused: [] });
        },
        stop: () => Promise.resolve({ v: 1, known: true }),
      },
      outcomes: { project: () => Promise.resolve() },
      clock: this.clock,
      log: silentLogger(),
      tools: new Map([[TOOL.name, TOOL]]),
      leader: 'bench',
      queuedMax: limits.queuedMax ?? 100,
      payloadBytesMax: 1e6,
      commitWindow: 2,
      workerSilenceMs: 1e9,
      onLost: () => undefined,
    });
    this.outcomes = () => ({ read: () => Promise.resolve(undefined) });
    const registry = newRegistry();
    this.server = newApiServer(DIRECTORY, silentLogger());
    addRoutes(this.server, {
      shard: this.shard(),
      metrics: new GatewayMetrics(registry, () => ({ leading: true, workers: 0, ...this.engine.counts })),
      waitersMax: limits.waitersMax ?? 10,
      admission: {
        catalog: new Catalog([TOOL]),
        clock: this.clock,
        newJobId,
        decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
        blobs: () => (this.blobsAway ? undefined : this.blobs),
      },
    });
  }

  private readonly blobs: BlobStore = {
    put: (bytes) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      this.stored.set(sha256, bytes);
      return Promise.resolve({ sha256, bytes: bytes.byteLength } satisfies BlobRef);
    },
    get: (ref) => Promise.resolve(this.stored.get(ref.sha256) ?? new Uint8Array()),
  };

  /** A worker with room for one job. */
  addWorker(): void {
    const room = { cpuMilli: 1_000, memoryMiB: 256 };
    this.engine.ready({
      v: 1,
      worker: WORKER,
      boot: BOOT,
      mode: 'warm',
      seq: 1,
      room,
      free: room,
      draining: false,
      attempts: [],
      pools: [],
    });
  }

  async finish(id: string, outcome: Outcome = DONE): Promise<void> {
    await until(() => this.runs.some((run) => run.id === id));
    await this.engine.done({
      v: 1,
      epoch: this.engine.epoch,
      worker: WORKER,
      boot: BOOT,
      id: id as JobId,
      attempt: 1,
      end: { kind: 'outcome', outcome },
    });
  }

  call(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    options: { key?: string; body?: string | object; type?: string; headers?: Record<string, string> } = {},
  ): Promise<LightMyRequestResponse> {
    const { key = KEYS.ada, body } = options;
    return this.server.inject({
      method,
      url,
      headers: {
        ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    });
  }

  async submit(body: object = JOB, query = ''): Promise<JobView> {
    const answer = await this.call('POST', `/v1/jobs${query}`, { body });
    expect(answer.statusCode).toBe(202);
    return answer.json();
  }

  private shard(): ShardAccess {
    return {
      engine: () => (this.leading ? this.engine : undefined),
      outcomes: () => this.outcomes(),
      blobs: () => (this.blobsAway ? undefined : this.blobs),
      isConnected: () => this.connected,
      openTail: () => undefined,
      status: () => {
        if (this.statusBreaks) throw new Error('secret detail');
        return { shard: 's0' } as StatusView;
      },
    };
  }
}

let bench: Bench;
const open = async (limits: ConstructorParameters<typeof Bench>[0] = {}): Promise<Bench> => {
  bench = new Bench(limits);
  await bench.engine.start();
  return bench;
};
afterEach(() => bench.server.close());

const expectRefusal = (
  answer: LightMyRequestResponse,
  code: ProblemCode,
  retryAfter: string | undefined,
): Problem => {
  const problem: Problem = answer.json();
  expect(problem.code).toBe(code);
  expect(answer.statusCode).toBe(PROBLEMS[code].status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['retry-after']).toBe(retryAfter);
  expect(problem).toMatchObject({
    type: `urn:zerofleet:problem:${code}`,
    title: PROBLEMS[code].title,
    status: PROBLEMS[code].status,
  });
  expect(problem.detail).toMatch(/^\S.{10,}$/);
  return problem;
};

describe('refusals', () => {
  it.each([
    ['no key', 'GET', '/v1/status', ''],
    ['an unknown key', 'GET', '/v1/status', 'zf_nobody'],
    ['no key and a path that does not exist', 'GET', '/nowhere', ''],
  ] as const)('unauthorized: %s', async (_what, method, url, key) => {
    const answer = await (await open()).call(method, url, { key });
    expectRefusal(answer, 'unauthorized', undefined);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('looks at the key before it looks at the body', async () => {
    await open();
    const long = 'x'.repeat(BODY_BYTES_MAX + 1);
    for (const body of ['{not json', long])
      expectRefusal(await bench.call('POST', '/v1/jobs', { key: '', body }), 'unauthorized', undefined);
    const odd = await bench.call('POST', '/v1/jobs', { key: '', body: 'x', type: 'image/png' });
    expectRefusal(odd, 'unauthorized', undefined);
  });

  it.each([
    ['malformed_json', '{not json'],
    ['malformed_json', ''],
    ['invalid_request', '[]'],
    ['invalid_request', { ...JOB, color: 'red' }],
    ['invalid_request', { ...JOB, maxAttempts: 11 }],
    ['invalid_request', { ...JOB, timeoutMs: '5' }],
    ['invalid_request', { ...JOB, timeoutMs: 60_001 }],
    ['invalid_request', { ...JOB, files: [{ path: '../x', encoding: 'utf8', data: '' }] }],
    [
      'invalid_request',
      { ...JOB, files: ['a', 'a/b'].map((path) => ({ path, encoding: 'utf8', data: '' })) },
    ],
    [
      'invalid_request',
      { ...JOB, files: ['a/b/c', 'a/b'].map((path) => ({ path, encoding: 'utf8', data: '' })) },
    ],
    ['unknown_tool', { tool: 'teleport' }],
    ['invalid_arguments', { tool: 'echo', arguments: {} }],
    ['invalid_arguments', { tool: 'echo', arguments: { text: 'hi', colour: 'red' } }],
    ['body_too_large', 'x'.repeat(BODY_BYTES_MAX + 1)],
  ] as const)('%s, and nothing reaches the ledger (%#)', async (code, body) => {
    await open();
    const before = bench.ledger.messages.length;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body }), code, undefined);
    expect(bench.ledger.messages).toHaveLength(before);
  });

  it('names what is wrong in a body and in arguments', async () => {
    await open();
    const shape = await bench.call('POST', '/v1/jobs', { body: { ...JOB, colour: 'red' } });
    expect(JSON.stringify(shape.json())).toContain("'colour'");
    const args = await bench.call('POST', '/v1/jobs', { body: { tool: 'echo', arguments: { text: 5 } } });
    expect(args.json<Problem>().errors).toEqual([{ path: '/arguments/text', message: 'must be string' }]);
  });

  it('unsupported_media_type: a body that is not JSON', async () => {
    await open();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      expectRefusal(
        await bench.call('POST', '/v1/jobs', { body: 'x', type }),
        'unsupported_media_type',
        undefined,
      );
  });

  it('not_found: a path, a job, a tool, an id that is none', async () => {
    await open();
    for (const url of ['/v1/nowhere', `/v1/jobs/${NOBODYS_JOB}`, '/v1/jobs/17', '/v1/tools/teleport'])
      expectRefusal(await bench.call('GET', url), 'not_found', undefined);
    for (const url of [`/v1/jobs/${NOBODYS_JOB}/events`])
      expectRefusal(await bench.call('GET', url), 'not_found', undefined);
    expectRefusal(await bench.call('POST', `/v1/jobs/${NOBODYS_JOB}/cancel`), 'not_found', undefined);
  });

  it.each(['soon', '61s', '-1', '1.5s', '60001ms', '', '5m'])(
    'invalid_request: wait=%s, and nothing is accepted',
    async (wait) => {
      await open();
      const before = bench.ledger.messages.length;
      const url = `/v1/jobs?wait=${wait}`;
      expectRefusal(await bench.call('POST', url, { body: JOB }), 'invalid_request', undefined);
      expectRefusal(
        await bench.call('GET', `/v1/jobs/${NOBODYS_JOB}?wait=${wait}`),
        'invalid_request',
        undefined,
      );
      expect(bench.ledger.messages).toHaveLength(before);
    },
  );

  it('not_found: a path that cannot be read or is too long, but only with a key', async () => {
    await open();
    for (const url of ['/v1/jobs/%zz', `/v1/jobs/${'a'.repeat(300)}`, '/v1/tools/%']) {
      expectRefusal(await bench.call('GET', url), 'not_found', undefined);
      expectRefusal(await bench.call('GET', url, { key: '' }), 'unauthorized', undefined);
    }
  });

  it('not_found: a method that a path does not know, HEAD among them', async () => {
    await open();
    const { id } = await bench.submit();
    expectRefusal(await bench.call('DELETE', `/v1/jobs/${id}`), 'not_found', undefined);
    const headers = { authorization: `Bearer ${KEYS.ada}` };
    const head = await bench.server.inject({ method: 'HEAD', url: `/v1/jobs/${id}/events`, headers });
    expect(head.statusCode).toBe(404);
  });

  it('no_leader while another replica leads, ledger_unavailable while NATS is away', async () => {
    await open();
    bench.leading = false;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'no_leader', '1');
    expectRefusal(await bench.call('POST', `/v1/jobs/${NOBODYS_JOB}/cancel`), 'no_leader', '1');
    bench.connected = false;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'ledger_unavailable', '1');
    bench.leading = true;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'ledger_unavailable', '1');
  });

  it('queue_full: one more than the shard may hold', async () => {
    await open({ queuedMax: 2 });
    await bench.submit();
    await bench.submit();
    const before = bench.ledger.messages.length;
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'queue_full', '5');
    expect(bench.ledger.messages).toHaveLength(before);
  });

  it('ledger_full: above 80 % of its bytes, until it drained', async () => {
    await open();
    bench.ledger.fill = { bytes: 80, maxBytes: 100 };
    await bench.clock.advance(500);
    await bench.submit();
    bench.ledger.fill = { bytes: 81, maxBytes: 100 };
    await bench.clock.advance(500);
    expectRefusal(await bench.call('POST', '/v1/jobs', { body: JOB }), 'ledger_full', '10');
    bench.ledger.fill = { bytes: 10, maxBytes: 100 };
    await bench.clock.advance(500);
    await bench.submit();
  });

  it('acceptance_unknown with the place to ask, when the commit does not come back; then ledger_unavailable', async () => {
    await open();
    bench.ledger.away = true;
    const asked = bench.call('POST', '/v1/jobs', { body: JOB });
    await until(() => !bench.engine.healthy);
    const refused = await bench.call('POST', '/v1/jobs', { body: JOB });
    expectRefusal(refused, 'ledger_unavailable', '1');
    expect(refused.headers.location).toBeUndefined();
    await bench.clock.advance(ACCEPT_WAIT_MS);
    const answer = await asked;
    const problem = expectRefusal(answer, 'acceptance_unknown', '1');
    const id = /[0-9a-f-]{36}/.exec(problem.detail)?.[0];
    expect(answer.headers.location).toBe(`/v1/jobs/${id}`);
    // The ledger comes back: the job is there under that id, once.
    bench.ledger.away = false;
    await bench.clock.advance(1_000);
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>().stage).toBe('queued');
    expect(bench.engine.counts.queued).toBe(1);
  });

  it('ledger_unavailable: a payload for a blob while the blob store is away', async () => {
    await open();
    bench.blobsAway = true;
    const body = { tool: 'echo', arguments: { text: 'x'.repeat(20_000) } };
    expectRefusal(await bench.call('POST', '/v1/jobs', { body }), 'ledger_unavailable', '1');
    bench.blobsAway = false;
    await bench.submit(body);
    expect(bench.stored.size).toBe(1);
  });

  it('outcome_unavailable: what nobody can look up is not called missing', async () => {
    await open();
    bench.outcomes = () => ({ read: () => Promise.reject(new Error('away')) });
    expectRefusal(await bench.call('GET', `/v1/jobs/${NOBODYS_JOB}`), 'outcome_unavailable', '1');
    bench.outcomes = () => undefined;
    expectRefusal(await bench.call('GET', `/v1/jobs/${NOBODYS_JOB}`), 'outcome_unavailable', '1');
    bench.outcomes = () => ({ read: () => Promise.resolve(undefined) });
    bench.leading = false;
    expectRefusal(await bench.call('GET', `/v1/jobs/${NOBODYS_JOB}`), 'outcome_unavailable', '1');
  });

  it('outcome_unavailable: a finished job whose output cannot be read', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    const blob = { sha256: '0'.repeat(64), bytes: 9 };
    const report = { ...DONE.report, output: { kind: 'blob', bytes: 9, truncated: false, blob } } as never;
    await bench.finish(id, { kind: 'succeeded', report });
    bench.blobsAway = true;
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}`), 'outcome_unavailable', '1');
  });

  it('too_many_waiters: polls and streams are counted together, and leave their places', async () => {
    await open({ waitersMax: 1 });
    bench.addWorker();
    const { id } = await bench.submit();
    const poll = bench.call('GET', `/v1/jobs/${id}?wait=60s`);
    await until(() => bench.engine.feed.size === 1);
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}?wait=60s`), 'too_many_waiters', '2');
    expectRefusal(await bench.call('GET', `/v1/jobs/${id}/events`), 'too_many_waiters', '2');
    expect((await bench.call('GET', `/v1/jobs/${id}`)).statusCode).toBe(200);
    // A submission is never refused for want of a place: the job is there.
    expect((await bench.call('POST', '/v1/jobs?wait=60s', { body: JOB })).statusCode).toBe(202);
    await bench.finish(id);
    expect((await poll).json<JobView>().stage).toBe('succeeded');
    expect((await bench.call('GET', `/v1/jobs/${id}/events`)).statusCode).toBe(200);
    expect((await bench.call('GET', `/v1/jobs/${id}?wait=60s`)).statusCode).toBe(200);
  });

  it('internal: says nothing of what broke', async () => {
    await open();
    bench.statusBreaks = true;
    const answer = await bench.call('GET', '/v1/status');
    expectRefusal(answer, 'internal', undefined);
    expect(answer.body).not.toContain('secret');
  });
});

describe('jobs', () => {
  it('are acknowledged with their place once they are on the ledger', async () => {
    await open();
    const answer = await bench.call('POST', '/v1/jobs', { body: JOB });
    const job = answer.json<JobView>();
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/v1/jobs/${job.id}`);
    expect(job).toMatchObject({ tool: 'echo', toolVersion: 3, stage: 'queued', attempt: 0, maxAttempts: 3 });
    expect(job).toMatchObject({ timeoutMs: 10_000, result: null, output: null, error: null });
    expect(Buffer.from(bench.ledger.messages.at(-1) ?? []).toString()).toContain(job.id);
  });

  it('answer a waiting submission as 200 with result and output when they end', async () => {
    await open();
    bench.addWorker();
    const asked = bench.call('POST', '/v1/jobs?wait=60s', { body: JOB });
    await until(() => bench.runs.length === 1);
    await bench.finish(bench.runs[0]?.id ?? '');
    const answer = await asked;
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      stage: 'succeeded',
      attempt: 1,
      result: { said: 'hi' },
      exitCode: 0,
      output: { bytes: 3, truncated: false, chunks: [{ data: 'hi\n' }] },
    });
  });

  it('do not exist for another tenant, live or finished', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    const look = async (): Promise<void> => {
      const key = KEYS.bob;
      expectRefusal(await bench.call('GET', `/v1/jobs/${id}`, { key }), 'not_found', undefined);
      expectRefusal(await bench.call('GET', `/v1/jobs/${id}/events`, { key }), 'not_found', undefined);
      expectRefusal(await bench.call('POST', `/v1/jobs/${id}/cancel`, { key }), 'not_found', undefined);
    };
    await look();
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>().cancelRequested).toBe(false);
    await bench.finish(id);
    await look();
  });

  it('are cancelled at once in the queue; a final one stays as it is', async () => {
    await open();
    const { id } = await bench.submit();
    const cancelled = await bench.call('POST', `/v1/jobs/${id}/cancel`);
    expect(cancelled.statusCode).toBe(202);
    expect(cancelled.json()).toMatchObject({ stage: 'cancelled', attempt: 0, error: { code: 'cancelled' } });
    bench.addWorker();
    const other = await bench.submit();
    await bench.finish(other.id);
    expect((await bench.call('POST', `/v1/jobs/${other.id}/cancel`)).json()).toMatchObject({
      stage: 'succeeded',
      error: null,
    });
    expect(bench.runs.map((run) => run.id)).toEqual([other.id]);
  });

  it('answer every cancel only once it is committed', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    await until(() => bench.runs.length === 1);
    const before = bench.ledger.messages.length;
    bench.ledger.away = true;
    let answered = 0;
    const ask = async (): Promise<LightMyRequestResponse> => {
      const answer = await bench.call('POST', `/v1/jobs/${id}/cancel`);
      answered += 1;
      return answer;
    };
    // Both are staged while the engine does not know yet that its ledger is away.
    const first = bench.engine.cancel('ada' as TenantId, id);
    const second = bench.engine.cancel('ada' as TenantId, id);
    let early = 0;
    for (const cancel of [first, second]) void cancel.then(() => (early += 1));
    await until(() => !bench.engine.healthy);
    expect(early).toBe(0);
    expectRefusal(await ask(), 'ledger_unavailable', '1');
    expect(bench.ledger.messages).toHaveLength(before);
    bench.ledger.away = false;
    await bench.clock.advance(1_000);
    expect(await first).toMatchObject({ kind: 'cancelled', job: { state: { cancelRequested: true } } });
    expect(await second).toMatchObject({ kind: 'cancelled', job: { state: { cancelRequested: true } } });
    expect((await ask()).json()).toMatchObject({ stage: 'running', cancelRequested: true });
    expect(answered).toBe(2);
  });

  it('do not keep a cancel waiting for ever while the ledger is away', async () => {
    await open();
    const { id } = await bench.submit();
    bench.ledger.away = true;
    const asked = bench.call('POST', `/v1/jobs/${id}/cancel`);
    await until(() => !bench.engine.healthy);
    await bench.clock.advance(ACCEPT_WAIT_MS);
    const problem = expectRefusal(await asked, 'ledger_unavailable', '1');
    expect(problem.detail).toContain('harmless');
  });

  it('are cancelled also by a client that names a type for the body it does not send', async () => {
    await open();
    const { id } = await bench.submit();
    const headers = { 'content-type': 'application/json' };
    const answer = await bench.call('POST', `/v1/jobs/${id}/cancel`, { headers });
    expect(answer.json()).toMatchObject({ stage: 'cancelled' });
  });

  it('are read from the outcomes when the engine has forgotten them', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    await bench.finish(id);
    const job = bench.engine.find('ada' as TenantId, id) as JobSnapshot;
    bench.leading = false;
    bench.outcomes = () => ({ read: (tenant) => Promise.resolve(tenant === 'ada' ? job : undefined) });
    expect((await bench.call('GET', `/v1/jobs/${id}?wait=1s`)).json<JobView>().stage).toBe('succeeded');
  });

  it('stream their output before their final state, and from the byte where a reader left off', async () => {
    await open();
    bench.addWorker();
    const { id } = await bench.submit();
    const streaming = bench.call('GET', `/v1/jobs/${id}/events`);
    await until(() => bench.engine.feed.size === 1);
    await bench.finish(id);
    const names = (text: string): string[] =>
      [...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1] ?? '');
    const stream = await streaming;
    expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(names(stream.body).slice(-3)).toEqual(['attempt', 'output', 'state']);
    expect(stream.body).toContain('id: 1:3\n');
    const resumed = await bench.call('GET', `/v1/jobs/${id}/events`, { headers: { 'last-event-id': '1:2' } });
    expect(names(resumed.body)).toEqual(['output', 'state']);
    expect(resumed.body).toContain('"data":"\\n"');
    expect(bench.engine.feed.size).toBe(0);
  });
});

describe('tools', () => {
  it('are listed with their limits and schemas', async () => {
    await open();
    const { tools } = (await bench.call('GET', '/v1/tools')).json<{ tools: object[] }>();
    const one = (await bench.call('GET', '/v1/tools/echo')).json<object>();
    expect(tools).toEqual([one]);
    expect(one).toEqual({
      name: 'echo',
      version: 3,
      description: TOOL.description,
      ...TOOL.limits,
      arguments: TOOL.arguments,
    });
  });
});
