/** The tenant API over a real replica that leads, whose ledger, worker and stores are in memory. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import {
  PROBLEMS,
  TENANT_SCOPES,
  type BlobRef,
  type BootId,
  type JobId,
  type Outcome,
  type ProblemCode,
  type TenantId,
  type ToolDefinition,
  type ToolName,
  type WorkerId,
} from '@zerofleet/model';
import {
  LEADER_VERSION,
  replyOf,
  type DeadLetter,
  type FindReply,
  type JobView,
  type LeaderCall,
  type LeaderPong,
  type LeaderReply,
  type LedgerFormat,
  type OutcomeBatch,
  type OutcomeRecord,
  type Problem,
  type Run,
  type RunJob,
  type StatusView,
  type SubmitReply,
  type UsageView,
} from '@zerofleet/protocol';
import {
  newJobId,
  newRegistry,
  silentLogger,
  type BlobReader,
  type BlobStore,
  type Clock,
} from '@zerofleet/runtime';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import type { Engine } from '../engine/engine.js';
import type { Fold } from '../engine/fold.js';
import { JobFeed } from '../engine/job-feed.js';
import type {
  AppendResult,
  Fence,
  KeyLookup,
  LeaderPort,
  LedgerPort,
  OutcomeLookup,
  OutcomePort,
  TakeMessage,
} from '../engine/ports.js';
import { Replica } from '../engine/replica.js';
import { UPKEEP_LIMITS } from '../engine/upkeep.js';
import { Access } from './access.js';
import type { AdmissionOptions } from './admission.js';
import { Catalog } from './catalog.js';
import { ControlDesk } from './control-desk.js';
import type { UsageOf } from './admin-routes.js';
import { addControlRoutes } from './control-routes.js';
import { addFileRoutes } from './file-routes.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { Roster } from './roster.js';
import { addRoutes } from './routes.js';
import { newApiServer } from './server.js';
import type {
  CancelAnswer,
  DeadLetterAccess,
  DeadLetterPage,
  ShardAccess,
  WhyAnswer,
} from './shard-access.js';
import { ListControls } from './list-controls.test.helper.js';
import { Shedding, type ShedLine, type ShedNote } from './shedding.js';
import { TenantDirectory } from './tenants.js';

export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const until = async (reached: () => boolean): Promise<void> => {
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
  private readonly followers = new Set<TakeMessage>();
  away = false;
  fill = { bytes: 0, maxBytes: 1_000_000_000 };

  append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult> {
    if (this.away) return Promise.resolve({ kind: 'unknown', reason: 'away' });
    if (fence.lastSeq !== this.messages.length) return Promise.resolve({ kind: 'refused' });
    if (fence.lastId !== null && fence.lastId !== this.ids.at(-1))
      return Promise.resolve({ kind: 'refused' });
    this.messages.push(bytes);
    this.ids.push(id);
    for (const take of this.followers) void take(this.messages.length, bytes);
    return Promise.resolve({ kind: 'stored', seq: this.messages.length });
  }

  async read(fromSeq: number, take: TakeMessage): Promise<number> {
    if (this.away) throw new Error('away');
    for (const [index, bytes] of this.messages.entries())
      if (index + 1 >= fromSeq) await take(index + 1, bytes);
    return this.messages.length;
  }

  async follow(fromSeq: number, take: TakeMessage): Promise<() => void> {
    await this.read(fromSeq, take);
    this.followers.add(take);
    return () => this.followers.delete(take);
  }

  get(seq: number): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.messages[seq - 1]);
  }

  purge(): Promise<void> {
    return Promise.resolve();
  }

  usage(): Promise<{ bytes: number; maxBytes: number; lastSeq: number }> {
    return Promise.resolve({ ...this.fill, lastSeq: this.messages.length });
  }
}

/** Outcomes, keys and dead letters in memory. */
export class ListOutcomes implements OutcomePort, DeadLetterAccess {
  readonly records = new Map<string, OutcomeRecord>();
  readonly letters = new Map<string, DeadLetter>();
  /** Makes every look at outcomes and letters fail. */
  away = false;
  /** Nobody can say whether there is such an outcome or key. */
  rebuilding = false;
  /** Makes letters stay where they are. */
  stuck = false;

  project({ outcomes }: OutcomeBatch): Promise<void> {
    for (const record of outcomes) this.records.set(record.job.id, record);
    return Promise.resolve();
  }

  bury(letter: DeadLetter): Promise<void> {
    this.letters.set(letter.job.id, letter);
    return Promise.resolve();
  }

  async find(tenant: TenantId, id: JobId): Promise<OutcomeLookup> {
    await this.look();
    const record = this.records.get(id);
    if (record?.job.tenant === tenant) return { kind: 'found', record };
    return { kind: this.rebuilding ? 'rebuilding' : 'none' };
  }

  async findKey(tenant: TenantId, key: string): Promise<KeyLookup> {
    await this.look();
    for (const { job } of this.records.values()) {
      const { idempotency } = job.extras ?? {};
      if (job.tenant === tenant && idempotency?.key === key)
        return { kind: 'found', id: job.id, hash: idempotency.hash };
    }
    return { kind: this.rebuilding ? 'rebuilding' : 'none' };
  }

  async list(
    tenant: TenantId,
    { limit, after }: { readonly limit: number; readonly after: number },
  ): Promise<DeadLetterPage> {
    await this.look();
    const mine = [...this.letters.values()].filter(({ job }) => job.tenant === tenant);
    const end = after + limit;
    return { letters: mine.slice(after, end), next: end < mine.length ? end : null };
  }

  async get(tenant: TenantId, id: JobId): Promise<DeadLetter | undefined> {
    await this.look();
    const letter = this.letters.get(id);
    return letter?.job.tenant === tenant ? letter : undefined;
  }

  remove(tenant: TenantId, id: JobId): Promise<void> {
    if (this.stuck) return Promise.reject(new Error('stuck'));
    if (this.letters.get(id)?.job.tenant === tenant) this.letters.delete(id);
    return Promise.resolve();
  }

  private look(): Promise<void> {
    return this.away ? Promise.reject(new Error('away')) : Promise.resolve();
  }
}

/** The line between replicas in memory; `cut`: nobody hears anybody. */
class ListLine implements LeaderPort {
  private leader: Parameters<LeaderPort['serve']>[0] | undefined;
  cut = false;

  ping(ping: Parameters<LeaderPort['ping']>[0]): Promise<LeaderPong | 'nobody'> {
    return Promise.resolve(this.leader?.ping(ping) ?? 'nobody');
  }

  probe(): Promise<'there' | 'nobody'> {
    return Promise.resolve(this.leader === undefined ? 'nobody' : 'there');
  }

  serve(leader: Parameters<LeaderPort['serve']>[0]): () => void {
    this.leader = leader;
    return () => {
      this.leader = undefined;
    };
  }

  async call(call: LeaderCall): Promise<LeaderReply> {
    const { leader, cut } = this;
    if (leader === undefined || cut) return { v: LEADER_VERSION, kind: 'not_now', why: 'no_leader' };
    return leader.call(call);
  }
}

export const TOOL: ToolDefinition = {
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
export const KEYS = { ada: 'zf_ada', bob: 'zf_bob' } as const;
export const JOB = { tool: 'echo', arguments: { text: 'hi' } };
export const NOBODYS_JOB = '0192f3a0-0000-7000-8000-00000000dead';
export const DONE: Outcome = {
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
const CATALOG = new Catalog([TOOL]);
const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');
/** The key of an operator. */
export const ROOT = 'zf_root';
const DIRECTORY = new TenantDirectory([
  ...Object.entries(KEYS).map(([tenant, key]) => ({
    tenant: tenant as TenantId,
    name: `${tenant}'s`,
    sha256: hashOf(key),
    scopes: TENANT_SCOPES,
  })),
  { tenant: null, name: 'root', sha256: hashOf(ROOT), scopes: ['admin'] },
]);

export interface BenchLimits {
  readonly queuedMax?: number;
  readonly waitersMax?: number;
  /** Newest ledger format that may be written. */
  readonly format?: LedgerFormat;
  /** Outcomes of an earlier time. */
  readonly outcomes?: ListOutcomes;
}

/** A gateway and the replica behind it. */
export class Bench {
  readonly clock = new HandClock();
  readonly ledger = new ListLedger();
  readonly line = new ListLine();
  readonly outcomes: ListOutcomes;
  readonly runs: RunJob[] = [];
  readonly stored = new Map<string, Uint8Array>();
  readonly feed = new JobFeed();
  readonly settings = new ListControls();
  readonly roster = new Roster(this.clock, 6_000);
  /** What other gateways were told to shed. */
  readonly shedNotes: ShedNote[] = [];
  hearShed: (note: ShedNote) => void = () => undefined;
  private readonly sheds: ShedLine = {
    publish: (note) => this.shedNotes.push(note),
    listen: (hear) => {
      this.hearShed = hear;
    },
  };
  readonly server: FastifyInstance;
  connected = true;
  blobsAway = false;
  torn = false;
  piecesRead = 0;
  pieceBytes = 4;
  readGate: Promise<void> = Promise.resolve();
  deadAway = false;
  statusBreaks = false;
  private readonly limits: BenchLimits;
  private readonly replica: Replica;
  private readonly standby: Replica;
  private standbyServes = false;

  constructor(limits: BenchLimits = {}) {
    this.limits = limits;
    this.outcomes = limits.outcomes ?? new ListOutcomes();
    this.replica = this.newReplica('bench-1', this.feed);
    this.standby = this.newReplica('bench-2', new JobFeed());
    const registry = newRegistry();
    const { controls } = this.settings;
    const access = new Access(DIRECTORY, controls, this.clock);
    this.server = newApiServer(access, silentLogger());
    const admission = this.admission();
    addFileRoutes(this.server, { shard: this.shard(), access, clock: this.clock });
    addRoutes(this.server, {
      access,
      shedding: new Shedding({ clock: this.clock, controls, line: this.sheds }),
      shard: this.shard(),
      metrics: new GatewayMetrics(registry, () => ({ leading: true, workers: 0, ...this.engine.counts })),
      waitersMax: limits.waitersMax ?? 10,
      admission,
    });
    const desk = new ControlDesk({
      ...{ controls, directory: DIRECTORY, clock: this.clock },
      writer: () => this.settings,
      sealer: { seal: ({ tenant, name }, value) => hashOf(`${tenant} ${name} ${value}`) },
    });
    const usageOf: UsageOf = (tenant) => this.shard().usage(tenant);
    addControlRoutes(this.server, desk, { admission, usageOf, roster: this.roster });
  }

  admission(): AdmissionOptions {
    return {
      catalog: CATALOG,
      clock: this.clock,
      controls: this.settings.controls,
      newJobId,
      decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
      blobs: () => (this.blobsAway ? undefined : this.blobs),
    };
  }

  /** Begins its life, and leads. */
  async begin(): Promise<void> {
    void this.replica.live();
    while (this.replica.leading === undefined) await this.clock.advance(50);
  }

  /** From now on a standby serves the API; `nobody` leads when the line is cut. */
  async standBy(): Promise<void> {
    void this.standby.live();
    while (this.standby.standing !== 'following') await this.clock.advance(50);
    this.standbyServes = true;
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.standby.stop(0);
    // Its ledger may be away, and its time stands still.
    void this.replica.stop(0);
  }

  /** What the replica that serves hears of. */
  get heard(): JobFeed {
    return (this.standbyServes ? this.standby : this.replica).fold.feed;
  }

  /** What the one that leads holds. */
  get fold(): Fold {
    return this.replica.fold;
  }

  get engine(): Engine {
    const engine = this.replica.leading;
    if (engine === undefined) throw new Error('it does not lead');
    return engine;
  }

  private newReplica(name: string, feed: JobFeed): Replica {
    return new Replica({
      ledger: this.ledger,
      timers: {
        store: () => Promise.reject(new Error('full')),
        get: () => Promise.resolve(undefined),
        drop: () => Promise.resolve(),
        list: () => Promise.resolve([]),
      },
      workers: {
        callRoster: () => undefined,
        run: (_worker, message: Run) => {
          this.runs.push(...message.jobs);
          return Promise.resolve({ v: 1, kind: 'taken', refused: [] });
        },
        stop: () => Promise.resolve({ v: 1, known: true }),
      },
      outcomes: this.outcomes,
      line: this.line,
      clock: this.clock,
      log: silentLogger(),
      tools: new Map([[TOOL.name, TOOL]]),
      random: () => 0.5,
      name,
      queuedMax: this.limits.queuedMax ?? 100,
      payloadBytesMax: 1e6,
      keptMs: 86_400_000,
      usage: { load: () => Promise.resolve([]), save: () => Promise.resolve() },
      controls: this.settings.controls,
      commitWindow: 2,
      workerSilenceMs: 1e9,
      upkeep: UPKEEP_LIMITS,
      formatHold: this.limits.format ?? 2,
      isConnected: () => true,
      feed,
      onLeading: () => undefined,
      onOver: () => undefined,
    });
  }

  private readonly blobs: BlobStore & BlobReader = {
    put: (bytes) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      this.stored.set(sha256, bytes);
      return Promise.resolve({ sha256, bytes: bytes.byteLength } satisfies BlobRef);
    },
    get: (ref) => Promise.resolve(this.stored.get(ref.sha256) ?? new Uint8Array()),
    read: (ref) => this.read(ref),
  };

  /** In pieces; one that is not there breaks at once, one that is `torn` before its end. */
  private async *read({ sha256 }: BlobRef): AsyncGenerator<Uint8Array> {
    const bytes = this.stored.get(sha256);
    if (bytes === undefined) throw new Error('not there');
    await this.readGate;
    for (let from = 0; from < bytes.byteLength; from += this.pieceBytes) {
      if (this.torn && from > 0) throw new Error('torn');
      this.piecesRead += 1;
      yield bytes.subarray(from, from + this.pieceBytes);
      await settled();
    }
  }

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

  /** Ends an attempt of a job once it runs. */
  async finish(id: string, outcome: Outcome = DONE, attempt = 1): Promise<void> {
    await until(() => this.runs.some((run) => run.id === id && run.attempt === attempt));
    await this.engine.done({
      epoch: this.engine.epoch,
      worker: WORKER,
      boot: BOOT,
      ends: [{ id: id as JobId, attempt, end: { kind: 'outcome', outcome } }],
    });
  }

  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
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

  /** Posts a job, with an Idempotency-Key where one is given. */
  post(body: object = JOB, idempotencyKey?: string, key: string = KEYS.ada): Promise<LightMyRequestResponse> {
    const headers: Record<string, string> =
      idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
    return this.call('POST', '/v1/jobs', { body, key, headers });
  }

  async submit(body: object = JOB, query = ''): Promise<JobView> {
    const answer = await this.call('POST', `/v1/jobs${query}`, { body });
    expect(answer.statusCode).toBe(202);
    return answer.json();
  }

  private shard(): ShardAccess {
    const leading = (): Engine | undefined => (this.standbyServes ? undefined : this.engine);
    const replica = (): Replica => (this.standbyServes ? this.standby : this.replica);
    const v = LEADER_VERSION;
    return {
      submit: async (envelope): Promise<SubmitReply> => {
        const reply = leading()?.submit(envelope);
        if (reply !== undefined) return reply;
        const told = await this.line.call({ v, kind: 'submit', jobs: [envelope] });
        if (told.kind === 'submit' && told.replies[0] !== undefined)
          return replyOf(told.replies[0], envelope);
        return { kind: 'refused', why: told.kind === 'not_now' ? told.why : 'internal' };
      },
      cancel: async (tenant, id): Promise<CancelAnswer> => {
        const reply = await leading()?.cancel(tenant, id);
        if (reply?.kind === 'unavailable') return { kind: 'unavailable', why: 'ledger_unavailable' };
        return reply ?? { kind: 'unavailable', why: 'no_leader' };
      },
      find: async (tenant, id): Promise<FindReply> => {
        const job = replica().known(tenant, id);
        if (job !== undefined) return { kind: 'found', job };
        const reply = leading()?.find(tenant, id);
        if (reply !== undefined) return reply;
        const told = await this.line.call({ v, kind: 'find', tenant, id });
        return told.kind === 'job' ? (told.reply as FindReply) : { kind: 'unavailable', why: 'no_leader' };
      },
      known: (tenant, id) => replica().known(tenant, id),
      get feed() {
        return replica().fold.feed;
      },
      blobs: () => (this.blobsAway ? undefined : this.blobs),
      deadLetters: () => (this.deadAway ? undefined : this.outcomes),
      isConnected: () => this.connected,
      openTail: () => undefined,
      why: async (tenant, id): Promise<WhyAnswer> => {
        const told = await this.line.call({ v, kind: 'why', tenant, id });
        if (told.kind === 'why') return { kind: 'waits', wait: told.wait };
        return told.kind === 'job' ? (told.reply as FindReply) : { kind: 'unavailable', why: 'no_leader' };
      },
      usage: async (tenant): Promise<UsageView | undefined> => {
        const told = await this.line.call({ v, kind: 'usage', tenant });
        return told.kind === 'usage' ? told.usage : undefined;
      },
      status: async (tenant): Promise<StatusView | undefined> => {
        if (this.statusBreaks) throw new Error('secret detail');
        const told = await this.line.call({ v, kind: 'status', tenant });
        return told.kind === 'status' ? ({ shard: 's0', ...told.status } as StatusView) : undefined;
      },
    };
  }
}

/** Expects a problem document with all its parts, and gives it. */
export const expectRefusal = (
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
