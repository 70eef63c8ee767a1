/** A system under test, started: its broker, a worker process, a producer process, and for Zerofleet a coordinator. */
import { readFileSync } from 'node:fs';
import { startLab, type Lab, type Part, type Session } from '@zerofleet/launch';
import { Redis } from 'ioredis';
import { Child } from './child.js';
import { cpuMsOf } from './cpu.js';
import type { Durability, SystemName } from './client.js';
import type { ClosedResult, OpenResult } from './drive.js';

/** How many jobs a system's worker runs at once, and how many are under way in all at its peak. */
export interface Tuning {
  readonly concurrency: number;
  readonly inFlight: number;
}

export interface PeakResult extends ClosedResult {
  /** CPU time of all the system's processes, in µs a job. */
  readonly cpuUs: number;
  /** The same of the coordinator's alone; null where there is none. */
  readonly leaderCpuUs: number | null;
}

export interface Contestant {
  readonly system: SystemName;
  readonly tuning: Tuning;
  closed(load: { inFlight: number; warmMs: number; runMs: number }): Promise<PeakResult>;
  open(load: { rate: number; warmMs: number; runMs: number }): Promise<OpenResult>;
  stop(): Promise<void>;
}

/** Starts `system`; everything of it goes when it is stopped or the session ends. */
export const startContestant = async (
  session: Session,
  system: SystemName,
  durability: Durability,
  tuning: Tuning,
): Promise<Contestant> => {
  const lab = await startLab(session, labOf(system, durability, tuning));
  if (system === 'bullmq') await makeDurable(lab, durability);
  const role = {
    system,
    concurrency: tuning.concurrency,
    brokers: {
      natsUrl: lab.nats.urls.join(','),
      natsUser: lab.nats.user,
      natsPasswordFile: lab.nats.passwordFile,
      redisUrl: lab.redis?.url ?? '',
      redisPasswordFile: lab.redis?.passwordFile ?? '',
    },
  };
  const producer = new Child(session, 'producer');
  await producer.start(role);
  const worker = system === 'zerofleet' ? undefined : new Child(session, 'worker');
  await worker?.start(role);
  const cpuMs = (): number => cpuMsOf([producer.pid, worker?.pid, ...partsOf(lab).map((part) => part.pid)]);
  const [leader] = lab.coordinators;
  const leaderCpuMs = (): number => cpuMsOf([leader?.part.pid]);
  return {
    system,
    tuning,
    closed: async (load) => {
      const [before, leaderBefore] = [cpuMs(), leaderCpuMs()];
      const result = await producer.closed(load);
      const cpuUs = ((cpuMs() - before) * 1_000) / result.allJobs;
      const leaderCpuUs = ((leaderCpuMs() - leaderBefore) * 1_000) / result.allJobs;
      return { ...result, cpuUs, leaderCpuUs: leader === undefined ? null : leaderCpuUs };
    },
    open: (load) => producer.open(load),
    stop: async () => {
      await producer.stop();
      await worker?.stop();
      await lab.stop();
    },
  };
};

const partsOf = (lab: Lab): readonly Part[] => [
  ...lab.nats.parts,
  ...(lab.redis === undefined ? [] : [lab.redis.part]),
  ...lab.coordinators.map(({ part }) => part),
  ...lab.workers,
];

/** A peer's lab is its broker alone; the NATS server beside BullMQ's Redis is idle. */
const labOf = (system: SystemName, durability: Durability, { concurrency }: Tuning) => ({
  sync: durability === 'synced' ? ('always' as const) : ('lazy' as const),
  coordinators: system === 'zerofleet' ? 1 : 0,
  workers: system === 'zerofleet' ? 1 : 0,
  slots: concurrency,
  redis: system !== 'jetstream',
});

/** Redis as BullMQ's handbook wants it: an append-only file, and nothing evicted. */
const makeDurable = async (lab: Lab, durability: Durability): Promise<void> => {
  const { url, passwordFile } = lab.redis ?? { url: '', passwordFile: '' };
  const redis = new Redis(url, { password: readFileSync(passwordFile, 'utf8').trim() });
  try {
    await redis.config('SET', 'maxmemory', '0');
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'appendfsync', durability === 'synced' ? 'always' : 'everysec');
    await redis.config('SET', 'appendonly', 'yes');
  } finally {
    redis.disconnect();
  }
};
