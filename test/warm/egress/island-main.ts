/** An island's process, in namespaces of its own: makes its network, starts its fleet, and does what its parent asks for. */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { startEmbedded, temporaryFolder, type EmbeddedFleet } from '@zerofleet/launch';
import { ZerofleetClient } from '@zerofleet/sdk';
import { forbiddenPlaces } from '../../abuse/harness/places.js';
import { factsOf } from '../../abuse/setup.js';
import { testSession } from '../../fleet/session.js';
import { writeDefinitions } from './definitions.js';
import {
  SERVICES,
  type Answer,
  type AuditLine,
  type IslandFacts,
  type IslandPlan,
  type Question,
  type Seen,
  type Service,
} from './island.js';
import { Far } from './far.js';
import { Listeners, visit } from './listeners.js';
import { NameServer } from './name-server.js';
import { askOwnNameServer } from './network.js';

const DNS_PORT = 53;
const JOB_WAIT_MS = 60_000;

const tell = (message: IslandFacts | Answer): void =>
  void process.send?.(message, undefined, undefined, () => undefined);

const portsOf = ({ apiUrl, nats, redis, adminUrls }: EmbeddedFleet): Record<Service, number> => {
  const { coordinator, worker, broker = '' } = adminUrls;
  const urls = { api: apiUrl, nats: nats.url, 'nats monitor': nats.monitorUrl, redis: redis.url };
  const all = Object.entries({ ...urls, coordinator, worker, broker });
  return Object.fromEntries(all.map(([name, url]) => [name, Number(new URL(url).port)])) as Record<
    Service,
    number
  >;
};

const verdictsOf = async ({ adminUrls }: EmbeddedFleet): Promise<Seen['verdicts']> => {
  const text = await (await fetch(`${adminUrls.worker}/metrics`)).text();
  const found = text.matchAll(/^zf_egress_tunnels_total\{verdict="(\w+)"\} ([0-9]+)$/gm);
  return Object.fromEntries([...found].map(([, verdict = '', count]) => [verdict, Number(count)]));
};

const auditOf = (fleet: EmbeddedFleet): AuditLine[] =>
  readFileSync(fleet.part('worker').logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"egress_'))
    .map((line) => JSON.parse(line) as AuditLine);

const [plan] = (await once(process, 'message')) as [IslandPlan];
const session = testSession();
process.once('disconnect', () => void session.close().then(() => process.exit(0)));
try {
  const folder = temporaryFolder(session);
  const { network, places } = plan;
  const isFar = (place: string): boolean => network.elsewhere.includes(place.split(':')[0] ?? '');
  const [nearPlaces, farPlaces] = [places.filter((place) => !isFar(place)), places.filter(isFar)];
  const far = await Far.start({ network, places: farPlaces });
  await askOwnNameServer(folder);
  const names = new NameServer(plan.zone);
  await names.listen(DNS_PORT, '127.0.0.1');
  const near = new Listeners();
  await near.listen(nearPlaces);
  const answered: string[] = [];
  for (const place of places) if ((await visit(place)) === `hello from ${place}`) answered.push(place);
  writeDefinitions(folder, plan.hosts);
  const fleet = await startEmbedded(session, { mode: 'warm', toolsDir: folder, env: plan.env });
  // The fleet's own ports are known by now: they are listed as well.
  const ports = portsOf(fleet);
  writeDefinitions(folder, [
    ...plan.hosts,
    ...SERVICES.map((service) => `${plan.service}:${ports[service]}`),
  ]);
  await fleet.part('coordinator').restart();
  await fleet.part('worker').restart();
  if (!(await fleet.ready())) throw new Error('no worker was ready after its restart');
  const client = new ZerofleetClient({
    urls: [fleet.apiUrl],
    apiKey: fleet.apiKey,
    requestTimeoutMs: JOB_WAIT_MS + 10_000,
  });
  const look = async (): Promise<Seen> => {
    // Behind its own visits, one to each place.
    const [here, there] = [nearPlaces.length, farPlaces.length];
    const { visits, requests } = await far.guests();
    return {
      visits: [...near.visits.slice(here), ...visits.slice(there)],
      requests: [...near.requests.slice(here), ...requests.slice(there)],
      asked: names.asked,
      verdicts: await verdictsOf(fleet),
      audit: auditOf(fleet),
    };
  };
  process.on('message', (question: Question) => {
    const { n, submit } = question;
    const done = submit === undefined ? look() : client.submit(submit, { waitMs: JOB_WAIT_MS });
    done.then(
      (value) => tell({ n, value }),
      (error: unknown) => tell({ n, error: String(error) }),
    );
  });
  tell({ ports, answered, forbidden: await forbiddenPlaces(factsOf(session, fleet)) });
} catch (error) {
  process.stderr.write(`the island did not start: ${String(error)}\n`);
  await session.close();
  process.exit(1);
}
