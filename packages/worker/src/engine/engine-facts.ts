/**
 * What the node's engine can, as the broker tells it: asked at the start and again and again, since an engine may be
 * restarted with other runtimes.
 *
 * N1  What is not known is not refused: the broker refuses by itself what the engine cannot.
 */
import type { PoolSpec } from '@zerofleet/model';
import { EngineInfoShape, jsonParser } from '@zerofleet/protocol';
import { every, type Cancel, type Clock, type Logger, type Service } from '@zerofleet/runtime';
import type { BrokerClient } from './broker-client.js';

const ASK_EVERY_MS = 15_000;
const parseInfo = jsonParser(EngineInfoShape);

export interface EngineFactsOptions {
  readonly broker: Pick<BrokerClient, 'ask'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class EngineFacts implements Service {
  private readonly options: EngineFactsOptions;
  private runtimes: ReadonlySet<string> | undefined;
  private onChange: () => void = () => undefined;
  private stopTick: Cancel = () => undefined;

  constructor(options: EngineFactsOptions) {
    this.options = options;
  }

  /** Resolves when the broker was asked once, whatever it said. */
  async start(): Promise<void> {
    this.stopTick = every(this.options.clock, ASK_EVERY_MS, () => void this.ask());
    await this.ask();
  }

  stop(): Promise<void> {
    this.stopTick();
    return Promise.resolve();
  }

  /** Calls `listener` when the engine turns out to have other runtimes than was known. */
  watch(listener: () => void): void {
    this.onChange = listener;
  }

  /** Why no container of `spec` can ever start here, as far as is known (N1). */
  readonly unable = ({ runtime }: PoolSpec): string | undefined =>
    this.runtimes === undefined || this.runtimes.has(runtime)
      ? undefined
      : `the tool demands the runtime ${runtime}, which this node's engine does not have`;

  private async ask(): Promise<void> {
    const { broker, log } = this.options;
    try {
      const info = parseInfo((await broker.ask('GET', '/v1/engine')).body);
      if (info.ok) this.know(info.value.runtimes);
      else log.warn({ reason: info.reason }, 'engine_facts_unreadable');
    } catch (error) {
      log.warn({ error: String(error) }, 'engine_facts_unknown');
    }
  }

  private know(runtimes: readonly string[]): void {
    const known = this.runtimes;
    this.runtimes = new Set(runtimes);
    if (known?.size !== runtimes.length || runtimes.some((one) => !known.has(one))) this.onChange();
  }
}
