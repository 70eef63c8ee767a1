/** Write amplification: what all streams are given, over what the jobs' own commits come to, beside very many jobs due late. */
import { startLab, type Lab, type Session } from '@zerofleet/launch';
import type { NatsConnection } from '@zerofleet/runtime';
import { say } from '../../shared/output.js';
import { Child } from '../queue/child.js';
import { SHARD } from '../queue/jobs.js';
import { fill } from './fill.js';

const DUE_IN_MS = 30 * 86_400_000;
const SLOTS = 1_024;
/** Jobs beside them that may queue up where the machine is too slow for the rate. */
const QUEUED_BESIDE_MAX = 1_000_000;
/** Events that only move a job from one place to another. */
const MOVES: readonly unknown[] = ['carried', 'parked'];

export interface AmplificationOptions {
  /** Jobs due in 30 days. */
  readonly jobs: number;
  /** Jobs a second beside them. */
  readonly rate: number;
  readonly seconds: number;
}

export interface AmplificationFigures {
  readonly jobs: number;
  /** Bytes given to all streams. */
  readonly writtenBytes: number;
  /** Bytes of commits without moved jobs. */
  readonly neededBytes: number;
  /** Latency of the jobs beside them, in ms. */
  readonly p50: number;
  readonly p99: number;
}

/** Measures with a lab of its own. */
export const measureAmplification = async (
  session: Session,
  { jobs, rate, seconds }: AmplificationOptions,
): Promise<AmplificationFigures> => {
  const env = { ZF_QUEUED_MAX: String(jobs + QUEUED_BESIDE_MAX) };
  const lab = await startLab(session, { slots: SLOTS, env });
  const { connection } = await lab.connect();
  const meter = new Meter(connection);
  await connection.flush();
  await fill(connection, { jobs, extras: { runAtMs: Date.now() + DUE_IN_MS }, signal: session.signal });
  say(`${jobs} jobs due in 30 days are on record`);
  const producer = await startProducer(session, lab);
  const load = await producer.open({ rate, warmMs: 0, runMs: seconds * 1_000 });
  await connection.flush();
  await producer.stop();
  await lab.stop();
  const { writtenBytes, neededBytes } = meter;
  return { jobs: jobs + load.jobs, writtenBytes, neededBytes, p50: load.p50, p99: load.p99 };
};

const startProducer = async (session: Session, lab: Lab): Promise<Child> => {
  const producer = new Child(session, 'producer');
  const brokers = {
    natsUrl: lab.nats.urls.join(','),
    natsUser: lab.nats.user,
    natsPasswordFile: lab.nats.passwordFile,
    redisUrl: '',
    redisPasswordFile: '',
  };
  await producer.start({ system: 'zerofleet', brokers, concurrency: SLOTS });
  return producer;
};

/** Hears everything that is published to the shard's streams. */
class Meter {
  writtenBytes = 0;
  neededBytes = 0;

  constructor(connection: NatsConnection) {
    const count = (subject: string, take: (data: Uint8Array) => void): void => {
      connection.subscribe(subject, {
        callback: (error, { data }) => {
          if (error !== null) return;
          this.writtenBytes += data.byteLength;
          take(data);
        },
      });
    };
    count(SHARD.ledgerSubject, (data) => {
      this.neededBytes += data.byteLength - movedBytes(data);
    });
    for (const subject of [SHARD.timersAll, SHARD.outcomesAll, SHARD.deadAll])
      count(subject, () => undefined);
  }
}

const movedBytes = (commit: Uint8Array): number => {
  const { events } = JSON.parse(Buffer.from(commit).toString('utf8')) as {
    events: readonly { readonly kind: string }[];
  };
  return events
    .filter(({ kind }) => MOVES.includes(kind))
    .reduce((sum, event) => sum + Buffer.byteLength(JSON.stringify(event)) + 1, 0);
};
