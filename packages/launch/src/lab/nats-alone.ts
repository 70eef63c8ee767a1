/**
 * NATS servers and nothing else, on stores that are there already: what was kept of a fleet, opened to be read. They count
 * as ready when they answer, whatever they could not recover: what is missing is for the reader to find.
 */
import { join } from 'node:path';
import { connectNats, silentLogger, type NatsLink } from '@zerofleet/runtime';
import { NATS_USER, planNatsCluster } from '../fleet/brokers.js';
import { Part } from '../fleet/part.js';
import { answersOk } from '../fleet/status.js';
import { inheritedEnv, temporaryFolder } from '../fleet/surroundings.js';
import { ensureNats } from '../host/nats.js';
import { LAUNCH_ID } from '../host/processes.js';
import { ensureFolder } from '../paths.js';
import type { Session } from '../session.js';

export interface NatsAlone {
  readonly connection: NatsLink['connection'];
  /** Ends the servers; safe to call more than once. */
  stop(): Promise<void>;
}

let count = 0;

/** Starts a server a store folder, one or three; they go with the session. Throws LaunchError. */
export const startNatsAlone = async (
  session: Session,
  storeFolders: readonly string[],
): Promise<NatsAlone> => {
  const folder = temporaryFolder(session);
  const logs = ensureFolder(join(folder, 'logs'), 0o700);
  // A mark of their own: they are ended while the rest of the session goes on.
  const launchId = `${session.launchId}-${(count += 1)}`;
  const env = { ...inheritedEnv(), [LAUNCH_ID]: launchId };
  const servers = storeFolders.length === 3 ? 3 : 1;
  const plan = await planNatsCluster(
    await ensureNats(),
    { folder, logs, env },
    { servers, sync: 'lazy', storeFolders },
  );
  const parts = plan.servers.map(({ spec, monitorUrl }) => {
    const ready = (): Promise<boolean> => answersOk(`${monitorUrl}/healthz?js-enabled-only=true`);
    return new Part({ ...spec, ready }, () => undefined);
  });
  const links: NatsLink[] = [];
  const stop = async (): Promise<void> => {
    for (const { connection } of links.splice(0)) await connection.close();
    await Promise.all(parts.map((part) => part.stop()));
  };
  session.make({ kind: 'processes', launchId });
  session.atEnd('NATS servers', stop);
  await Promise.all(parts.map((part) => part.start(session.signal)));
  const natsUrl = plan.servers.map(({ url }) => url).join();
  const config = { natsUrl, natsUser: NATS_USER, natsPasswordFile: plan.passwordFile };
  const link = await connectNats(config, 'reader', silentLogger());
  links.push(link);
  return { connection: link.connection, stop };
};
