/** What a producer needs of a system under test, and what all of them are given to carry. */

/** The systems, each with its own broker, one producer process and one worker process. */
export type SystemName = 'zerofleet' | 'bullmq' | 'jetstream';
/** `synced`: on disk before an answer. `lazy`: on disk some time after. */
export type Durability = 'synced' | 'lazy';

/** Where a system's processes find their brokers. */
export interface Brokers {
  readonly natsUrl: string;
  readonly natsUser: string;
  readonly natsPasswordFile: string;
  readonly redisUrl: string;
  readonly redisPasswordFile: string;
}

/** What a producer or worker process is started for. */
export interface Role {
  readonly system: SystemName;
  readonly brokers: Brokers;
  /** Jobs that the worker runs at once. */
  readonly concurrency: number;
}

/** A producer's hold on a system. */
export interface QueueClient {
  /** Submits job `n`; its outcome is told to the Listener. */
  submit(n: number): void;
  close(): Promise<void>;
}

/** Hears of jobs by their numbers. An outcome may be told twice. */
export interface Listener {
  done(n: number): void;
  /** Something broke: the measurement is worth nothing. */
  failed(error: Error): void;
}

/** A worker process's hold on a system. */
export interface QueueWorker {
  close(): Promise<void>;
}

const PAYLOAD_BYTES = 200;
const EMPTY = { arguments: { data: '' }, files: [] };

/** What every job carries: 200 bytes as JSON. */
export const PAYLOAD = {
  arguments: { data: 'x'.repeat(PAYLOAD_BYTES - JSON.stringify(EMPTY).length) },
  files: [],
} as const;

export const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
