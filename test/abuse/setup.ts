/** One embedded fleet for the whole suite: real NATS, Redis, coordinator, broker, worker and tool containers. */
import { join } from 'node:path';
import { Session, startEmbedded, startJanitor, type EmbeddedFleet, type PartName } from '@zerofleet/launch';
import type { TestProject } from 'vitest/node';
import { toolContainers } from './harness/engine.js';
import { readRows, tableOf } from './harness/report.js';

/** Who lives on the fleet: `mallory` attacks, `victim` looks and is looked at, `neighbour` works all the time. */
export const TENANTS = ['mallory', 'victim', 'neighbour'] as const;
export type TenantName = (typeof TENANTS)[number];

/** What tests know of the fleet. */
export interface AbuseFacts {
  readonly apiUrl: string;
  readonly keys: Readonly<Record<TenantName, string>>;
  /** Of its processes; a part that ended meanwhile, and so was started again, is a finding. */
  readonly pids: Readonly<Partial<Record<PartName, number>>>;
  /** The name that its tool containers are labelled with. */
  readonly broker: string;
  readonly folder: string;
  readonly logs: string;
  readonly adminUrls: EmbeddedFleet['adminUrls'];
  readonly natsUrl: string;
  readonly natsMonitorUrl: string;
  readonly redisUrl: string;
  /** Takes the rows of the table that the run ends with. */
  readonly rowsFile: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    abuse: AbuseFacts;
  }
}

/** The facts of a fleet of `session`, for this suite's tenants. */
export const factsOf = (session: Session, fleet: EmbeddedFleet): AbuseFacts => {
  const keyOf = (name: TenantName): string =>
    fleet.tenants.find(({ tenant }) => tenant === name)?.apiKey ?? '';
  return {
    apiUrl: fleet.apiUrl,
    keys: { mallory: keyOf('mallory'), victim: keyOf('victim'), neighbour: keyOf('neighbour') },
    pids: Object.fromEntries([...fleet.parts].map(([name, part]) => [name, part.pid])),
    broker: `embedded-${session.launchId}`,
    folder: fleet.folder,
    logs: fleet.logs,
    adminUrls: fleet.adminUrls,
    natsUrl: fleet.nats.url,
    natsMonitorUrl: fleet.nats.monitorUrl,
    redisUrl: fleet.redis.url,
    rowsFile: join(fleet.folder, 'abuse-rows.jsonl'),
  };
};

const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  // What an interrupt leaves no time for is taken away all the same.
  startJanitor();
  const session = new Session();
  const onSignal = (signal: NodeJS.Signals): void => session.interrupt(signal);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const fleet = await startEmbedded(session, { tenants: TENANTS, mode: 'warm' });
    const facts = factsOf(session, fleet);
    project.provide('abuse', facts);
    return async () => {
      process.stdout.write(tableOf(readRows(facts.rowsFile)));
      await session.close();
      const left = await toolContainers(facts.broker);
      if (left.length > 0) throw new Error(`tool containers are left: ${left.join()}`);
    };
  } catch (error) {
    await session.close();
    throw error;
  }
};

export default setup;
