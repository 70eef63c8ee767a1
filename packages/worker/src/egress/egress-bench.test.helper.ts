/** Attempts with the real runner as a subprocess, whose egress ends at servers of the test's own on loopback. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobId, Outcome, TenantId, ToolDefinition, ToolName } from '@zerofleet/model';
import { chunkBytes, type RunJob } from '@zerofleet/protocol';
import { newRegistry, systemClock, type Logger, type Registry } from '@zerofleet/runtime';
import { Attempt } from '../attempt/attempt.js';
import { AttemptMetrics } from '../attempt/attempt-metrics.js';
import { MemoryIntake } from '../attempt/memory-intake.test.helper.js';
import { ProcessEngine } from '../engine/process-engine.js';
import { PoolDriver } from '../pool/pool-driver.js';
import { PoolMetrics } from '../pool/pool-metrics.js';
import { NO_SESSIONS } from '../session/no-sessions.test.helper.js';
import { Egress, type EgressSettings } from './egress.js';
import type { Network } from './network.js';

const runnerDir = new URL('../../../../images/tools/runner', import.meta.url).pathname;

export const SETTINGS: EgressSettings = {
  isOn: true,
  denied: [],
  bytesMax: 2 ** 40,
  tunnelsMax: 32,
  connectMs: 5_000,
  tunnelMs: 60_000,
};

/** A network in which every address leads to a server of the test's, by port; addresses of names are what a test says. */
export class TestNetwork implements Network {
  /** What a name's look-ups answer, one after the other; the last one stays. */
  readonly names = new Map<string, (readonly string[])[]>();
  readonly lookedUp: string[] = [];
  readonly dialed: string[] = [];
  own: ReturnType<Network['ownNetworks']> = [];
  /** Addresses that never answer. */
  readonly silent = new Set<string>();
  private readonly servers = new Map<number, number>();
  private readonly closers: (() => Promise<void>)[] = [];

  async resolve(name: string, _signal: AbortSignal): Promise<readonly string[]> {
    this.lookedUp.push(name);
    const answers = this.names.get(name) ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined) throw Object.assign(new Error(name), { code: 'ENOTFOUND' });
    return answer;
  }

  dial(address: string, port: number, signal: AbortSignal): Promise<Socket> {
    this.dialed.push(`${address}:${port}`);
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      if (this.silent.has(address)) return;
      const socket = connect({ host: '127.0.0.1', port: this.servers.get(port) ?? 1, allowHalfOpen: true });
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  ownNetworks(): ReturnType<Network['ownNetworks']> {
    return this.own;
  }

  /** Serves `port` of every address. */
  async serve(port: number, handle: (socket: Socket) => void): Promise<void> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      handle(socket);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.servers.set(port, (server.address() as AddressInfo).port);
    this.closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.closers.map((close) => close()));
  }
}

export interface AuditLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A logger that keeps its lines. */
export const loggerInto = (lines: AuditLine[], bound: object = {}): Logger => {
  const say = (fields: object, event: string): void => void lines.push({ ...bound, ...fields, event });
  const child = (more: object): Logger => loggerInto(lines, { ...bound, ...more });
  return { info: say, warn: say, error: say, child } as unknown as Logger;
};

export class EgressBench {
  readonly network = new TestNetwork();
  readonly audit: AuditLine[] = [];
  settings: EgressSettings = SETTINGS;
  /** What the last job's egress counted. */
  metrics: Registry = newRegistry();
  private readonly scratchDir = mkdtempSync(join(tmpdir(), 'zf-egress-'));
  private readonly pool: PoolDriver;
  private readonly log = loggerInto(this.audit);
  private jobs = 0;

  constructor() {
    // As the test's own user: as root the runner would end every process of the job's user on this machine.
    const python = 'python3';
    this.pool = new PoolDriver({
      engine: new ProcessEngine({ python, runnerDir, scratchDir: this.scratchDir, uidBase: undefined }),
      clock: systemClock,
      log: this.log,
      policy: { budgetMiB: 1_000, startsMax: 1, idleMaxMs: 60_000, ageMaxMs: 60_000, usesMax: 99 },
      stocks: [],
      metrics: new PoolMetrics(newRegistry(), () => []),
      onChange: () => undefined,
    });
    this.pool.start();
  }

  async close(): Promise<void> {
    await this.pool.close();
    await this.network.close();
    rmSync(this.scratchDir, { recursive: true, force: true });
  }

  /** A job of python code; `hosts` is what the leader lists, `own` what this worker does. */
  start(code: string, hosts: readonly string[], own: readonly string[] = hosts): Attempt {
    this.jobs += 1;
    const tool = 'code_execution' as ToolName;
    const registry = (this.metrics = newRegistry());
    const { settings, log, network } = this;
    const tools = [{ name: tool, egress: { hosts: own } } as unknown as ToolDefinition];
    const egress = new Egress({ settings, tools, clock: systemClock, log, registry, network });
    return new Attempt(jobOf(this.jobs, code, tool, hosts), {
      pool: this.pool,
      blobs: {
        put: () => Promise.reject(new Error('too long')),
        get: () => Promise.reject(new Error('none')),
      },
      files: new MemoryIntake(),
      clock: systemClock,
      log,
      publish: () => undefined,
      sealer: undefined,
      sessions: NO_SESSIONS,
      metrics: new AttemptMetrics(registry),
      egress,
    });
  }

  async run(code: string, hosts: readonly string[], own?: readonly string[]): Promise<string> {
    return outputOf(await this.outcome(this.start(code, hosts, own)));
  }

  async outcome(attempt: Attempt): Promise<Outcome> {
    const end = await attempt.run();
    if (end.kind !== 'outcome') throw new Error(`it ended as ${end.kind}`);
    return end.outcome;
  }

  async count(metric: string): Promise<Record<string, number>> {
    const found = await this.metrics.getSingleMetric(metric)?.get();
    return Object.fromEntries(
      (found?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(' ') || 'all', value]),
    );
  }

  /** Resident memory of the runner, in bytes. */
  runnerRss(): number {
    for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        if (!command.includes(this.scratchDir)) continue;
        const parent = /^PPid:\t([0-9]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        if (parent !== String(process.pid)) continue;
        return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096;
      } catch {
        // It ended while it was looked at.
      }
    }
    return 0;
  }
}

const jobOf = (n: number, code: string, tool: ToolName, hosts: readonly string[]): RunJob => ({
  id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}` as JobId,
  attempt: 1,
  timeoutMs: 60_000,
  payload: {
    kind: 'inline',
    bytes: 1,
    payload: { arguments: { runtime: 'python', code }, files: [] },
  },
  form: {
    tenant: 'ada' as TenantId,
    tool,
    mode: 'process',
    pool: {
      image: 'tools',
      runtime: 'runc',
      resources: { cpuMilli: 1, memoryMiB: 1, pids: 64, workMiB: 8, tmpMiB: 8 },
    },
    reuse: 'tenant',
    outputBytes: 10_000,
    egress: { hosts },
  },
});

/** What a job printed, and what went wrong with it otherwise. */
export const outputOf = (outcome: Outcome): string => {
  const output = outcome.report?.output;
  const text = output?.kind === 'inline' ? Buffer.concat(output.chunks.map(chunkBytes)).toString('utf8') : '';
  return outcome.kind === 'failed' ? `${text}${outcome.failure.message}` : text;
};
