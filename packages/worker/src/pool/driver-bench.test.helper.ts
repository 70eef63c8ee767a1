/** A driver whose runners do what they are told at once, except where the test holds them up. */
import type { JobId, PoolSpec, TenantId, ToolName } from '@zerofleet/model';
import { encodeJsonFrame, FRAME, FrameDecoder } from '@zerofleet/protocol';
import { newRegistry, silentLogger, type Registry } from '@zerofleet/runtime';
import type { RunnerPipe } from '../engine/tool-engine.js';
import { HELLO, NONCE, READY, resultWith, STARTED } from '../runner/scripted-runner.test.helper.js';
import type { Claim, ClaimRequest, Slot } from './claim.js';
import { HandClock, settled } from './hand-clock.test.helper.js';
import { PoolDriver, type PoolDriverOptions } from './pool-driver.js';
import { PoolMetrics } from './pool-metrics.js';

export const specOf = (image: string): PoolSpec => ({
  image,
  runtime: 'runc',
  resources: { cpuMilli: 100, memoryMiB: 64, pids: 9, workMiB: 8, tmpMiB: 8 },
});
export const SPEC = specOf('tools');

/** A runner that greets, acknowledges, runs and resets by itself. */
export class WillingRunner implements RunnerPipe {
  readonly id = 'willing';
  /** Tenants whose jobs it ran. */
  readonly ran: string[] = [];
  isGone = false;
  /** It does not answer resets any more. */
  isStuck = false;
  private readonly decoder = new FrameDecoder();
  private take: (bytes: Buffer) => void = () => undefined;
  private readonly over: ((reason: string, engineLost: boolean) => void)[] = [];

  write(bytes: Buffer): void {
    for (const { type, payload } of this.decoder.push(bytes)) this.answer(type, payload);
  }

  onData(take: (bytes: Buffer) => void): void {
    this.take = take;
    this.say(HELLO);
  }

  onEnd(over: (reason: string, engineLost: boolean) => void): void {
    this.over.push(over);
  }

  destroy(): Promise<void> {
    this.isGone = true;
    return Promise.resolve();
  }

  die(reason: string, engineLost = false): void {
    for (const over of this.over) over(reason, engineLost);
  }

  private answer(type: number, payload: Buffer): void {
    if (type === FRAME.RUN) {
      const { job, attempt } = JSON.parse(payload.toString()) as { job: string; attempt: number };
      this.say(encodeJsonFrame(FRAME.ACK, { nonce: NONCE, job, attempt }));
    } else if (type === FRAME.GO) this.say(STARTED, resultWith({}));
    else if ((type === FRAME.RESET && !this.isStuck) || type === FRAME.KEEP) this.say(READY);
  }

  private say(...frames: Buffer[]): void {
    queueMicrotask(() => this.take(Buffer.concat(frames)));
  }
}

export type Claimed = Extract<Claim, { kind: 'claimed' }>;

export class DriverBench {
  readonly clock = new HandClock();
  readonly registry: Registry = newRegistry();
  readonly runners: WillingRunner[] = [];
  readonly driver: PoolDriver;
  /** Why no runner can be opened. */
  broken: string | undefined;

  constructor(options: Partial<PoolDriverOptions> = {}) {
    const { clock, registry } = this;
    this.driver = new PoolDriver({
      engine: { open: () => this.open() },
      clock,
      log: silentLogger(),
      stocks: [{ spec: SPEC, stock: 1 }],
      metrics: new PoolMetrics(
        registry,
        () => this.driver.counts(),
        () => this.driver.usedMiB,
      ),
      onChange: () => undefined,
      ...options,
      policy: { budgetMiB: 6_400, startsMax: 8, refillPerS: 1_000, ...options.policy },
    });
  }

  async start(): Promise<void> {
    this.driver.start();
    await settled();
  }

  claim(tenant: string, more: Partial<ClaimRequest> = {}): Promise<Claim> {
    const signal = new AbortController().signal;
    const names = { tenant: tenant as TenantId, job: 'j1' as JobId, tool: 'echo' as ToolName };
    return this.driver.claim({ spec: SPEC, ...names, signal, ...more });
  }

  async take(tenant: string, more: Partial<ClaimRequest> = {}): Promise<Claimed> {
    const claim = await this.claim(tenant, more);
    if (claim.kind !== 'claimed') throw new Error(`claim ${claim.kind}`);
    return claim;
  }

  /** Runs a job in the container. */
  async run({ slot }: Claimed): Promise<void> {
    const limits = { timeoutMs: 1, outputBytes: 1, resultBytes: 1 };
    await slot.link.offer({ job: 'j1', attempt: 1, tool: 'echo', arguments: {}, files: [], limits });
    await slot.link.go({ started: () => undefined, output: () => undefined });
  }

  /** A container of the tenant's session that is parked. */
  async park(tenant: string, session: string): Promise<Slot> {
    const claim = await this.take(tenant, { session });
    await this.run(claim);
    await this.driver.release(claim.slot, 'keep');
    await settled();
    return claim.slot;
  }

  /** The values of a metric by its labels' values. */
  async metric(name: string): Promise<Record<string, number>> {
    const metric = this.registry.getSingleMetric(name) as unknown as {
      get(): Promise<{ values: { labels: Record<string, string>; value: number }[] }>;
    };
    const { values } = await metric.get();
    return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
  }

  private open(): Promise<RunnerPipe> {
    if (this.broken !== undefined) return Promise.reject(new Error(this.broken));
    const runner = new WillingRunner();
    this.runners.push(runner);
    return Promise.resolve(runner);
  }
}
