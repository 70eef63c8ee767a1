/**
 * The canary: a fleet whose containers are weaker than its broker makes them, and the suite's own assertions, each of which must
 * fail on it. What they could not see here they would not see elsewhere.
 */
import { createServer, type Server } from 'node:net';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded, temporaryFolder } from '@zerofleet/launch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testSession } from '../fleet/session.js';
import { attack, type AttackOptions } from './harness/attack.js';
import {
  fewProcesses,
  fullAtItsSize,
  isFlat,
  kernelRefuses,
  nothingReached,
  ownPlacesOnly,
  tablesAreFree,
} from './harness/claims.js';
import { ask, enginePath } from './harness/engine.js';
import { growthDuring } from './harness/host.js';
import { Ladder } from './harness/ladder.js';
import { Neighbour } from './harness/neighbour.js';
import { WeakEngine, type CreateBody } from './harness/weak-engine.js';
import { factsOf, TENANTS, type AbuseFacts } from './setup.js';

const session = testSession();
let of: AbuseFacts;
let weak: WeakEngine;
let places: (readonly [string, string])[] = [];
const servers: Server[] = [];

const listen = (address: { readonly host: string } | { readonly path: string }): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    server.once('error', reject);
    server.listen('path' in address ? address : { ...address, port: 0 }, () => resolve(server));
    servers.push(server);
  });

/** What a careless create call would be: the engine's defaults. */
const weaken =
  (socket: string) =>
  (body: CreateBody): void => {
    const tmpfs = 'rw,uid=10001,gid=10001,mode=0700,size=200m';
    body.Cmd = ['--uid', '10001', '--gid', '10001'];
    body.NetworkDisabled = false;
    body.StdinOnce = false;
    Object.assign(body.HostConfig, {
      NetworkMode: 'bridge',
      LogConfig: { Type: 'json-file' },
      ReadonlyRootfs: false,
      AutoRemove: false,
      SecurityOpt: ['seccomp=unconfined'],
      PidsLimit: 0,
      // Enough for what is tried; without any limit the host would pay for it.
      Memory: 1024 ** 3,
      MemorySwap: 1024 ** 3,
      Tmpfs: { '/work': tmpfs, '/tmp': 'rw,mode=1777,size=100m' },
      Binds: [`${socket}:/run/docker.sock`],
    });
  };

beforeAll(async () => {
  const folder = temporaryFolder(session);
  const socket = join(folder, 'engine-stand-in.sock');
  await listen({ path: socket });
  chmodSync(socket, 0o777);
  const { IPAM } = await ask<{ IPAM: { Config: { Gateway: string }[] } }>('/networks/bridge');
  const gateway = IPAM.Config[0]?.Gateway ?? '';
  const host = await listen({ host: gateway });
  const port = (host.address() as { port: number }).port;
  places = [
    ['tcp', `${gateway}:${port}`],
    ['unix', '/run/docker.sock'],
  ];
  weak = new WeakEngine({
    socketPath: join(folder, 'weak.sock'),
    enginePath: enginePath(),
    weaken: weaken(socket),
  });
  await weak.listen();
  session.atEnd('the weak engine', async () => {
    await weak.close();
    for (const server of servers) server.close();
  });
  const fleet = await startEmbedded(session, {
    tenants: TENANTS,
    mode: 'warm',
    env: { DOCKER_HOST: `unix://${join(folder, 'weak.sock')}`, ZF_WARM_PER_POOL: '2' },
  });
  of = factsOf(session, fleet);
});
afterAll(() => session.close());

const weakly = (file: string, options: AttackOptions = {}): ReturnType<typeof attack> =>
  attack(file, { ...options, of });

describe('the suite sees', () => {
  it('processes without a limit', async () => {
    const end = await weakly('fork-count.py');
    expect(() => fewProcesses(end)).toThrow(/^children/);
  });

  it('a place without its size', async () => {
    const end = await weakly('fill-disks.py');
    expect(() => fullAtItsSize(end)).toThrow(/^written to/);
  });

  it('a root file system that can be written', async () => {
    const end = await weakly('write-everywhere.py');
    expect(() => ownPlacesOnly(end)).toThrow(/^places that took a file/);
  });

  it('output on the host’s disk', async () => {
    const growth = await growthDuring(of, async () => {
      // A job's output is cut before the engine sees it: one alone leaves 4 MiB.
      for (let n = 0; n < 16; n += 1) await weakly('flood-little.py');
    });
    expect(() => isFlat(growth)).toThrow(/^MiB of disk/);
  });

  it('kernel calls that are not filtered', async () => {
    const end = await weakly('kernel.py');
    expect(() => kernelRefuses(end)).toThrow(/^not refused/);
  });

  it('users that are shared', async () => {
    const holding = weakly('hold-tables.py', { args: ['3'] });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const end = await weakly('use-tables.py', { as: 'victim' });
    await holding;
    expect(() => tablesAreFree(end)).toThrow(/^tables/);
  });

  it('a way to the host, and a socket of it', async () => {
    const end = await weakly('probe.py', { stdin: JSON.stringify(places) });
    expect(() => nothingReached(end, places.length)).toThrow(/^reached/);
    expect(end.told.find(({ reached }) => reached !== undefined)?.['reached']).toEqual(
      places.map((place) => [...place, 'connected']),
    );
  });

  it('neighbours that are held up, and their jobs that are lost', async () => {
    const neighbour = await Neighbour.start(of);
    try {
      const worker = of.pids.worker ?? 0;
      const verdict = await neighbour.measure(async () => {
        process.kill(worker, 'SIGSTOP');
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        process.kill(worker, 'SIGCONT');
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }, 1);
      expect(verdict).toMatchObject({ held: false });
    } finally {
      neighbour.stop();
    }
  });

  it('containers that outlive their deadline', async () => {
    weak.endsLateMs = 7_000;
    try {
      const ladder = new Ladder();
      await expect(ladder.endsAll([['sleep-on.sh']], 500, { of })).rejects.toThrow(
        /^ms from deadline to gone/,
      );
    } finally {
      weak.endsLateMs = 0;
    }
  });
});
