/**
 * Ways out of a real tool container of a real fleet, on a network in which everything that none may reach is there and answers:
 * what its tool lists is reached, and nothing else.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@zerofleet/launch';
import type { JsonObject } from '@zerofleet/model';
import type { JobView, Submit } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { endOf, submissionOf } from '../abuse/harness/attack.js';
import { nothingReached } from '../abuse/harness/claims.js';
import { outputOf } from '../fleet/client.js';
import { eventually } from '../fleet/eventually.js';
import { Island, SERVICES, type AuditLine, type Seen } from './egress/island.js';

const START_MS = 120_000;
const BYTES_MAX = 300_000;

/** Hosts of the public internet; the second one is at work beside the first, and on no list. */
const [PUBLIC, STRANGER] = ['93.184.215.14', '93.184.215.15'];
/** A network of public addresses that the worker itself is in, as overlays of some Swarms are. */
const OWN = '45.79.10.1';
/** The same, of an interface that nothing is plugged into. */
const UNPLUGGED = '45.79.20.1';
/** Docker's bridge on the host, and another container on it. */
const [BRIDGE, CONTAINER] = ['172.17.0.1', '172.17.0.2'];
/** Public, and refused by the operator. */
const DENIED = '93.184.215.16';
const [METADATA, PRIVATE, CARRIER] = ['169.254.169.254', '10.0.0.7', '100.100.100.200'];

const listed = [`${PUBLIC}:80`, `${PUBLIC}:443`, `${PUBLIC}:8080`];
/** Somebody answers here, and no job may ever get there. */
const traps = [
  ...[METADATA, BRIDGE, CONTAINER, PRIVATE, CARRIER, OWN, UNPLUGGED, DENIED, '127.0.0.1', STRANGER].flatMap(
    (address) => [`${address}:80`, `${address}:443`],
  ),
  `${BRIDGE}:2375`,
  `${PUBLIC}:22`,
];

/** Names that the tool lists, and where in the world they lead. */
const inside: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1'],
  zero: ['0.0.0.0'],
  metadata: [METADATA],
  bridge: [BRIDGE],
  container: [CONTAINER],
  private: [PRIVATE],
  carrier: [CARRIER],
  own: [OWN],
  unplugged: [UNPLUGGED],
  denied: [DENIED],
  mixed: [PUBLIC, '127.0.0.1'],
  'mixed-late': [PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC, METADATA],
  'six-loopback': ['::1'],
  'six-mapped': ['::ffff:127.0.0.1'],
  'six-metadata': ['fd00:ec2::254'],
  'six-nat64': ['64:ff9b::a9fe:a9fe'],
};
const REBOUND = ['127.0.0.1', METADATA, BRIDGE, PRIVATE, CONTAINER, OWN, '0.0.0.0', '::ffff:127.0.0.1'];
const FLIPS = 6;

const PLAN = {
  network: {
    own: [`${BRIDGE}/16`, `${CONTAINER}/16`, `${OWN}/24`],
    unplugged: [`${UNPLUGGED}/24`],
    elsewhere: [PUBLIC, STRANGER, DENIED, METADATA, PRIVATE, CARRIER],
  },
  zone: {
    'api.example.com': [[PUBLIC]],
    'a.wild.example.com': [[PUBLIC]],
    'wild.example.com': [[PUBLIC]],
    'evil.example.net': [[STRANGER]],
    'rebind.example.com': [[PUBLIC], ...REBOUND.map((address) => [address])],
    'flip.example.com': Array.from({ length: FLIPS }, (_, turn) => [turn % 2 === 0 ? PUBLIC : '127.0.0.1']),
    ...Object.fromEntries(
      Object.entries(inside).map(([name, addresses]) => [`${name}.inside.example.com`, [addresses]]),
    ),
    'service.example.com': [['127.0.0.1']],
  },
  places: [...listed, ...traps],
  hosts: [
    'api.example.com:80',
    'api.example.com',
    '*.wild.example.com',
    'rebind.example.com',
    'flip.example.com',
    '*.inside.example.com',
    '*.inside.example.com:80',
    `${PUBLIC}:8080`,
    `${OWN}:443`,
    `${DENIED}:443`,
  ],
  service: 'service.example.com',
  env: { ZF_EGRESS_BYTES_MAX: String(BYTES_MAX), ZF_EGRESS_DENY_CIDRS: `${DENIED}/32` },
};

type Attempt = readonly [way: string, target: string];
const PROGRAM = readFileSync(join(ROOT, 'test', 'warm', 'egress', 'try.py'), 'utf8');
const submitOf = (attempts: readonly Attempt[]): Submit => ({
  tool: 'code_execution',
  arguments: { runtime: 'python', code: PROGRAM, stdin: JSON.stringify(attempts) },
  maxAttempts: 1,
});
const outcomesOf = (job: JobView): string[] => {
  expect(job, outputOf(job).toString()).toMatchObject({ stage: 'succeeded', exitCode: 0, error: null });
  return JSON.parse(outputOf(job).toString()) as string[];
};

/** In a session: asks for a tunnel to a listed host all the time, and says what came of it. */
const AGAIN_AND_AGAIN = `
import errno, os, socket, time
host, port = os.environ['HTTPS_PROXY'].removeprefix('http://').split(':')
while True:
    try:
        with socket.create_connection((host, int(port)), 5) as proxy:
            proxy.sendall(b'CONNECT api.example.com:443 HTTP/1.1\\r\\n\\r\\n')
            print(proxy.recv(12).decode(), flush=True)
    except OSError as error:
        print(errno.errorcode.get(error.errno, str(error)), flush=True)
    time.sleep(0.02)
`;
const REFUSED_IN_A_ROW = 10;

let island: Island;
/** Everything that came of anything, in order. */
const outcomes: string[] = [];

/** What comes of each attempt, one after the other in one job. */
const tryAll = async (attempts: readonly Attempt[]): Promise<string[]> => {
  const got = outcomesOf(await island.run(submitOf(attempts)));
  outcomes.push(...got);
  return got;
};
const tryOne = async (way: string, target: string): Promise<string | undefined> =>
  (await tryAll([[way, target]]))[0];

const trapped = ({ visits }: Seen): string[] => visits.filter((place) => !listed.includes(place));

beforeAll(async () => {
  island = await Island.start(PLAN);
}, START_MS);
afterAll(() => island.close());

describe('a tool that lists hosts, in its container', () => {
  it('has places around it that answer whoever gets there', () => {
    expect(island.facts.answered).toEqual(PLAN.places);
  });

  it.each([
    ['fetch', 'http://api.example.com/', `${PUBLIC}:80`],
    ['fetch', `http://api.example.com/?to=http://api.example.com/there`, `${PUBLIC}:80`],
    ['absolute', 'http://api.example.com/', `${PUBLIC}:80`],
    ['absolute', 'http://API.Example.com.:80/', `${PUBLIC}:80`],
    ['absolute', `http://${PUBLIC}:8080/`, `${PUBLIC}:8080`],
    ['client', 'api.example.com:443', `${PUBLIC}:443`],
    ['connect', 'api.example.com:443', `${PUBLIC}:443`],
    ['connect', 'API.EXAMPLE.COM.:443', `${PUBLIC}:443`],
    ['connect', 'a.wild.example.com:443', `${PUBLIC}:443`],
    ['connect', `${PUBLIC}:8080`, `${PUBLIC}:8080`],
  ])('gets by %s to %s', async (way, target, place) => {
    expect(await tryOne(way, target)).toBe(`hello from ${place}`);
  });

  it.each([
    // Hosts that are not listed, and listed ones at other ports.
    ['connect', 'evil.example.net:443', '403 not_allowed'],
    ['client', 'evil.example.net:443', 'Tunnel connection failed: 403'],
    ['fetch', 'http://evil.example.net/', '403 not_allowed'],
    ['absolute', 'http://evil.example.net/', '403 not_allowed'],
    ['connect', 'wild.example.com:443', '403 not_allowed'],
    ['connect', 'xwild.example.com:443', '403 not_allowed'],
    ['connect', 'api.example.com.evil.example.net:443', '403 not_allowed'],
    ['connect', 'api.example.com:22', '403 not_allowed'],
    ['absolute', 'http://api.example.com:443@evil.example.net/', '400 bad_request'],
    ['absolute', 'http://api.example.com:22/', '403 not_allowed'],
    ['connect', 'a.wild.example.com:80', '403 not_allowed'],
    ['connect', 'gone.wild.example.com:443', '502 unresolved'],
    ['connect', 'localhost:443', '403 not_allowed'],
    ['connect', 'host.docker.internal:443', '403 not_allowed'],
    ['connect', 'metadata.google.internal:80', '403 not_allowed'],
    // Addresses, in every spelling.
    ...[PUBLIC, STRANGER, METADATA, BRIDGE, CONTAINER, PRIVATE, CARRIER, '127.0.0.1', '0.0.0.0'].flatMap(
      (address): [string, string, string][] => [
        ['connect', `${address}:443`, '403 not_allowed'],
        ['absolute', `http://${address}/`, '403 not_allowed'],
      ],
    ),
    ['connect', `${BRIDGE}:2375`, '403 not_allowed'],
    ['connect', '[::1]:443', '403 not_allowed'],
    ['connect', `[::ffff:${PUBLIC}]:8080`, '403 not_allowed'],
    ['connect', '[::ffff:127.0.0.1]:443', '403 not_allowed'],
    ['connect', '[::ffff:a9fe:a9fe]:443', '403 not_allowed'],
    ['connect', '[64:ff9b::a9fe:a9fe]:443', '403 not_allowed'],
    ['connect', '[fd00:ec2::254]:443', '403 not_allowed'],
    ['connect', '2130706433:443', '403 bad_host'],
    ['connect', '2852039166:443', '403 bad_host'],
    ['connect', '0x7f000001:443', '403 bad_host'],
    ['connect', '0x7f.0.0.1:443', '403 bad_host'],
    ['connect', '0177.0.0.1:443', '403 bad_host'],
    ['connect', '127.1:443', '403 bad_host'],
    ['connect', '[::1%25lo]:443', '400 bad_request'],
    ['absolute', 'http://2852039166/latest/meta-data/', '403 bad_host'],
    ['absolute', 'http://0xa9fea9fe/latest/meta-data/', '403 bad_host'],
    // Addresses that are listed, and that this worker may not reach all the same.
    ['connect', `${OWN}:443`, '403 forbidden_address'],
    ['connect', `${DENIED}:443`, '403 forbidden_address'],
    // What is no request that a proxy takes.
    ['connect', '/var/run/docker.sock', '400 bad_request'],
    ['absolute', '/', '400 bad_request'],
    ['absolute', 'ftp://api.example.com/', '400 bad_request'],
    ['absolute', 'http+unix://%2Fvar%2Frun%2Fdocker.sock/info', '400 bad_request'],
    // Sent there by a host that is listed.
    ['fetch', `http://api.example.com/?to=http://${METADATA}/`, '403 not_allowed'],
    ['fetch', `http://api.example.com/?to=http://${PRIVATE}/`, '403 not_allowed'],
    ['fetch', 'http://api.example.com/?to=http://private.inside.example.com/', '403 forbidden_address'],
    ['fetch', 'http://api.example.com/?to=http://evil.example.net/', '403 not_allowed'],
    // Names that are listed, and lead inside.
    ...Object.keys(inside).flatMap((name): [string, string, string][] => [
      ['connect', `${name}.inside.example.com:443`, '403 forbidden_address'],
      ['absolute', `http://${name}.inside.example.com/`, '403 forbidden_address'],
    ]),
    // Past the proxy.
    ['direct', `${PUBLIC}:443`, 'ENETUNREACH'],
    ['direct', `${METADATA}:80`, 'ENETUNREACH'],
    ['direct', `${BRIDGE}:2375`, 'ENETUNREACH'],
    ['datagram', `${PUBLIC}:53`, 'ENETUNREACH'],
    ['datagram', '127.0.0.11:53', 'ECONNREFUSED'],
    ['name', 'api.example.com', 'no such name'],
  ])('does not get by %s to %s: %s', async (way, target, refusal) => {
    expect(await tryOne(way, target)).toContain(refusal);
  });

  it.each(SERVICES)(
    "does not get to the fleet's %s, by its address, by a listed name or past the proxy",
    async (service) => {
      const port = island.facts.ports[service];
      expect(
        await tryAll([
          ['connect', `127.0.0.1:${port}`],
          ['connect', `${BRIDGE}:${port}`],
          ['connect', `service.example.com:${port}`],
          ['direct', `${BRIDGE}:${port}`],
        ]),
      ).toEqual(['403 not_allowed', '403 not_allowed', '403 forbidden_address', 'ENETUNREACH']);
    },
  );

  it('does not get inside by a name that changes its mind', async () => {
    const before = (await island.look()).asked.length;
    const rebind = [PUBLIC, ...REBOUND].map((): Attempt => ['connect', 'rebind.example.com:443']);
    const flip = Array.from({ length: FLIPS }, (): Attempt => ['connect', 'flip.example.com:443']);
    const [hello, no] = [`hello from ${PUBLIC}:443`, '403 forbidden_address'];
    expect(await tryAll(rebind)).toEqual([hello, ...REBOUND.map(() => no)]);
    expect(await tryAll(flip)).toEqual([hello, no, hello, no, hello, no]);
    // One look-up for each, so there is no second answer that could differ.
    expect((await island.look()).asked).toHaveLength(before + rebind.length + flip.length);
  });

  it('does not get a second host out of a connection for a first', async () => {
    const before = (await island.look()).requests.length;
    for (const target of [`http://${METADATA}/`, 'http://evil.example.net/', 'http://api.example.com/second'])
      expect(await tryOne('pipelined', target)).toBe(`hello from ${PUBLIC}:80`);
    expect((await island.look()).requests.slice(before)).toEqual(Array(3).fill('api.example.com /'));
  });

  it('is cut off at its bytes, and has no more from then on', async () => {
    const big = 'http://api.example.com/big';
    const [cut = '', ...after] = await tryAll([
      ['load', big],
      ['connect', 'api.example.com:443'],
      ['absolute', 'http://api.example.com/'],
    ]);
    const size = Number(/^cut at ([0-9]+)$/.exec(cut)?.[1]);
    expect(size).toBeLessThan(BYTES_MAX);
    // What it said itself counts too, and that is short.
    expect(size).toBeGreaterThan(BYTES_MAX - 200);
    expect(after).toEqual(['403 spent', '403 spent']);
    expect(await tryOne('connect', 'api.example.com:443')).toBe(`hello from ${PUBLIC}:443`);
  });

  it('has no other way out than its proxy', async () => {
    // But for the container's own loopback, where the proxy has a port of its own.
    const places = island.facts.forbidden.filter(
      ([way, where]) => !(way === 'tcp' && where.startsWith('127.')),
    );
    expect(places.length).toBeGreaterThan(100);
    const probe = submissionOf('probe.py', { stdin: JSON.stringify(places), timeoutMs: 30_000 });
    nothingReached(endOf(await island.run(probe)), places.length);
  });

  it('has reached 0 of what it may not', async () => {
    const seen = await island.look();
    expect(trapped(seen)).toEqual([]);
    expect(
      outcomes.filter((one) => one.startsWith('hello') && !listed.some((place) => one.endsWith(place))),
    ).toEqual([]);
    expect(seen.visits.length).toBe(seen.verdicts['opened']);
    // Who is on no list is not even looked up.
    expect(
      seen.asked.filter((name) => !/(api|wild|rebind|flip|inside|service)\.example\.com$/.test(name)),
    ).toEqual([]);
  });

  it('leaves each refusal in metrics and audit', async () => {
    const { verdicts } = await island.look();
    const refusals = outcomes.flatMap((one) => /^\d+ (?!bad_request)(\w+)$/.exec(one)?.[1] ?? []);
    expect(refusals.length).toBeGreaterThan(100);
    const { opened = 0, ...refused } = verdicts;
    expect(opened).toBeGreaterThan(10);
    // http.client keeps the code of one refusal to itself.
    const said = countOf([...refusals, 'not_allowed']);
    expect(refused).toEqual(said);
    const total = refusals.length + 1;
    const lines = await eventually('lines for all refusals', async () => {
      const found = (await island.look()).audit.filter(({ msg }) => msg === 'egress_refused');
      return found.length >= total ? found : undefined;
    });
    expect(countOf(lines.map(({ verdict }) => verdict))).toEqual(said);
    expect(lines).toContainEqual(
      expect.objectContaining<Partial<AuditLine>>({
        ...{ tenant: 'demo', tool: 'code_execution', verdict: 'forbidden_address' },
        ...{ host: 'metadata.inside.example.com', port: 443 },
      }),
    );
  });
});

const countOf = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
};

describe('a session of a tool that lists hosts', () => {
  const inSession = (tool: string, args: JsonObject): Promise<JobView> =>
    island.run({ tool, session: 'left', arguments: args, maxAttempts: 1 });

  it('has a way out for what it left running only while a call of that tool runs', async () => {
    const shell = { runtime: 'terminal', shell: 0 };
    const begin = `python3 -c "$1" > log & until grep -q ' 200' log; do sleep 0.05; done`;
    const begun = await inSession('code_execution', { ...shell, code: begin, args: [AGAIN_AND_AGAIN] });
    expect(begun, outputOf(begun).toString()).toMatchObject({ stage: 'succeeded', exitCode: 0 });
    // Calls of a tool that lists nothing, as long as it takes.
    await eventually('attempts that are refused', async () => {
      const { result } = await inSession('text_editor', { action: 'read', path: 'log' });
      const lines = (result as { text: string }).text.trimEnd().split('\n');
      const last = lines.slice(-REFUSED_IN_A_ROW);
      return last.length === REFUSED_IN_A_ROW && last.every((line) => line === 'ECONNREFUSED')
        ? lines
        : undefined;
    });
    const before = (await island.look()).visits.length;
    await inSession('text_editor', { action: 'read', path: 'log' });
    expect((await island.look()).visits.length).toBe(before);
    const again = `: > log; until grep -q ' 200' log; do sleep 0.05; done; kill %1`;
    expect(await inSession('code_execution', { ...shell, code: again })).toMatchObject({ exitCode: 0 });
    expect(trapped(await island.look())).toEqual([]);
  });
});

describe('a tool that lists no host, in its container', () => {
  it('has no proxy', async () => {
    const { apiUrl, keys } = inject('warm');
    const client = new ZerofleetClient({ urls: [apiUrl], apiKey: keys[0] });
    const code = `env | grep -ic proxy; tail -n +2 /proc/net/tcp | wc -l; true`;
    const job = await client.submit(
      { tool: 'code_execution', arguments: { runtime: 'terminal', code } },
      { waitMs: START_MS / 3 },
    );
    expect(outputOf(job).toString()).toBe('0\n0\n');
  });
});
