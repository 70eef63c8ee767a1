/** One embedded fleet for the tests of warm containers: real NATS, Redis, coordinator, broker, worker and tool containers. */
import { Session, startEmbedded } from '@zerofleet/launch';
import type { TestProject } from 'vitest/node';

/** What tests know of the fleet. */
export interface WarmFacts {
  readonly apiUrl: string;
  readonly keys: readonly [string, string];
  /** The worker's process. It is started again when it ends. */
  readonly workerPid: number;
  readonly workerUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    warm: WarmFacts;
  }
}

/** Room for all the sessions that a test opens: 256 MiB each. */
const ROOM = { ZF_WORKER_MEMORY_MIB: '8192', ZF_WORKER_CPU_MILLI: '32000' };

const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const session = new Session();
  const onSignal = (signal: NodeJS.Signals): void => session.interrupt(signal);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const fleet = await startEmbedded(session, { tenants: ['ann', 'bob'], mode: 'warm', env: ROOM });
    const keyOf = (name: string): string => fleet.tenants.find(({ tenant }) => tenant === name)?.apiKey ?? '';
    project.provide('warm', {
      apiUrl: fleet.apiUrl,
      keys: [keyOf('ann'), keyOf('bob')],
      workerPid: fleet.part('worker').pid ?? 0,
      workerUrl: fleet.adminUrls.worker,
    });
    return () => session.close();
  } catch (error) {
    await session.close();
    throw error;
  }
};

export default setup;
