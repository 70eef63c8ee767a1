/** One real Swarm fleet for a whole test run: deployed before the first test, taken away after the last, also on failure. */
import { deploySwarm, Session } from '@zerofleet/launch';
import type { TestProject } from 'vitest/node';

/** What tests know of the fleet. */
export interface FleetFacts {
  readonly apiUrl: string;
  readonly stack: string;
  readonly toolImage: string;
  readonly keys: readonly [string, string];
  readonly operatorKey: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    fleet: FleetFacts;
  }
}

const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const session = new Session();
  const onSignal = (signal: NodeJS.Signals): void => session.interrupt(signal);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const fleet = await deploySwarm(session, {
      tenants: ['alpha', 'beta'],
      workerCpuMilli: 8_000,
      workerMemoryMib: 4_096,
    });
    const [alpha, beta] = fleet.tenants;
    if (alpha === undefined || beta === undefined) throw new Error('two tenants were asked for');
    project.provide('fleet', {
      apiUrl: fleet.apiUrl,
      stack: fleet.stack,
      toolImage: fleet.toolImage,
      keys: [alpha.apiKey, beta.apiKey],
      operatorKey: fleet.operatorKey,
    });
  } catch (error) {
    await session.close();
    throw error;
  }
  return () => session.close();
};

export default setup;
