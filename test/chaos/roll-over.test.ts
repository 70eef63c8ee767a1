/**
 * A release with another tools image, rolled out under load as a deploy does it, on a real engine: jobs find warm containers all
 * the time, none fails, the new ones run in the new image, and the old image is gone once nobody can ask for it. And one whose
 * containers do not start, seen before a job asks for it, and rolled back after jobs did.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker, type EmbeddedNode } from '@zerofleet/launch';
import type { JobView, Ready } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { eventually } from '../fleet/eventually.js';
import { Rig } from '../fleet/rig.js';
import { testSession } from '../fleet/session.js';
import { HitCount } from './warm/hit-count.js';
import { RollLoad } from './warm/roll-load.js';

const TENANTS = ['ann', 'bob', 'cat', 'dan', 'eve'];
const STOCK = 4;
/** An image that nobody asked for in so long goes. */
const UNUSED_MS = 12_000;
const FULL_WITHIN_MS = 60_000;
const GONE_WITHIN_MS = 90_000;
/**
 * A share of hits is a matter of what else the machine does: 0.99 is asserted where it does nothing else, by
 * `ZF_ROLL_HITS=0.99`. Less than this says that stock was not there at all.
 */
const HITS_SHARE = Number(process.env['ZF_ROLL_HITS'] ?? '0.8');
/** Jobs before anything is counted, and the share of the others whose claims must be among those counted. */
const FIRST_JOBS = 50;
const COUNTED_SHARE = 0.97;
/** Of the engine's disk, in percent; what a deploy of the same image with another layer needs is far below. */
const HIGH_PERCENT = 80;

const session = testSession();
let rig: Rig;
let old: string;
/** What the fleet runs after the first roll-over. */
let fresh: string;

/** Marks that every disk is above. */
const LOW_MARKS = { ZF_IMAGE_HIGH_PERCENT: '2', ZF_IMAGE_LOW_PERCENT: '1' };
/** What is not in any image. */
const NO_PROGRAM = '/opt/zerofleet/no-such-runner';

/** An image with another digest: `from` after `command`; `entry` is what its containers run instead of the runner. */
const imageWith = async (
  from: string,
  tag: string,
  command: string,
  entry?: readonly string[],
): Promise<string> => {
  const reference = `${from.slice(0, from.lastIndexOf(':'))}:${tag}`;
  const id = (
    await docker(['create', '--network', 'none', '--entrypoint', 'sh', '--user', '0', from, '-c', command])
  ).trim();
  await docker(['start', '-a', id]);
  const own = (await docker(['inspect', '-f', '{{json .Config.Entrypoint}}', from])).trim();
  const runs = entry === undefined ? own : JSON.stringify(entry);
  await docker(['commit', '-c', `ENTRYPOINT ${runs}`, '-c', 'CMD []', id, reference]);
  await docker(['rm', id]);
  return reference;
};

type PoolRow = Ready['pools'][number];

/** What a worker says of its readiness: why its containers fail, or `ok`, and its pools. */
interface NodeState {
  readonly ready: boolean;
  readonly containers: string;
  readonly pools: readonly PoolRow[];
}

const stateOf = async ({ workerUrl }: EmbeddedNode): Promise<NodeState> => {
  const answer = await fetch(`${workerUrl}/readyz`).catch(() => undefined);
  if (answer === undefined) return { ready: false, containers: 'no answer', pools: [] };
  const { ready, details } = (await answer.json()) as { ready: boolean; details: Partial<NodeState> };
  return { ready, containers: details.containers ?? 'unknown', pools: details.pools ?? [] };
};

const poolsIn = ({ pools }: NodeState, image: string): PoolRow[] =>
  pools.filter(({ key }) => key.startsWith(`${image}|`));

/** Waits until the node has stock of `image`. */
const stocked = async (node: EmbeddedNode, image: string): Promise<void> => {
  let seen: NodeState | undefined;
  const look = async (): Promise<true | undefined> => {
    seen = await stateOf(node);
    const pools = poolsIn(seen, image);
    return pools.length > 0 && pools.every(({ warm }) => warm >= STOCK) ? true : undefined;
  };
  await eventually(`stock of ${image}`, look, FULL_WITHIN_MS).catch((error: unknown) => {
    throw new Error(`no stock of ${image} at ${node.workerUrl}: ${JSON.stringify(seen)}`, { cause: error });
  });
};

/** A node's part of a deploy: drained, its broker told what may run, its worker started with `image` and stock of `also`. */
const deployNode = async (
  { worker, broker }: EmbeddedNode,
  image: string,
  also: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> => {
  await worker.stop();
  await broker?.deploy({ ZF_BROKER_IMAGES: [image, also].filter((one) => one !== '').join() });
  await worker.deploy({ ...env, ZF_IMAGE_TOOLS: image, ZF_IMAGE_TOOLS_ALSO: also });
};

/** One node after the other, each with stock of `image` before the next one's turn. */
const deployNodes = async (image: string, also: string, hits: HitCount): Promise<void> => {
  for (const node of rig.fleet.nodes) {
    await hits.look();
    await node.worker.stop();
    hits.ended(node.workerUrl);
    await deployNode(node, image, also);
    await stocked(node, image);
  }
};

/** From then on jobs run in `image`. */
const deployCoordinators = async (image: string): Promise<void> => {
  for (const name of ['coordinator', 'coordinator-2'] as const)
    await rig.fleet.part(name).deploy({ ZF_IMAGE_TOOLS: image });
};

const loadOfAll = (): RollLoad =>
  new RollLoad(
    rig.fleet.tenants.map(
      ({ apiKey }) => new ZerofleetClient({ urls: rig.fleet.apiUrls, apiKey, requestTimeoutMs: 60_000 }),
    ),
  );

const runOne = async (): Promise<JobView> => {
  const { apiUrls: urls, apiKey } = rig.fleet;
  const job = { tool: 'code_execution', arguments: { runtime: 'terminal', code: 'true' }, maxAttempts: 1 };
  return new ZerofleetClient({ urls, apiKey, requestTimeoutMs: 60_000 }).submit(job, { waitMs: 45_000 });
};

const imageIds = async (): Promise<string[]> => (await docker(['images', '-q', '--no-trunc'])).split('\n');

const idOf = async (image: string): Promise<string> =>
  (await docker(['inspect', '-f', '{{.Id}}', image])).trim();

const gone = (id: string): Promise<true> =>
  eventually(
    `image ${id} gone`,
    async () => ((await imageIds()).includes(id) ? undefined : true),
    GONE_WITHIN_MS,
  );

beforeAll(async () => {
  rig = await Rig.start(session, {
    coordinators: 2,
    nodes: 2,
    tenants: TENANTS,
    env: {
      ZF_IMAGE_KEEPING: 'on',
      ZF_IMAGE_UNUSED_MS: String(UNUSED_MS),
      ZF_IMAGE_HIGH_PERCENT: String(HIGH_PERCENT),
      ZF_WARM_PER_POOL: String(STOCK),
    },
  });
  old = rig.fleet.image;
  for (const node of rig.fleet.nodes) await stocked(node, old);
}, 600_000);
afterAll(() => session.close(), 120_000);

describe('a new tools image', () => {
  it('is rolled out under load: hits stay, no job fails, the old image goes', async () => {
    const oldId = await idOf(old);
    const hits = new HitCount(rig.fleet.nodes.map(({ workerUrl }) => workerUrl));
    const load = loadOfAll();
    try {
      await load.reach(FIRST_JOBS);
      // What was learned before is not this test's; the first claims of each tenant may be of any kind.
      await hits.begin();
      // Only now: the node's keeper removes what nobody asks for, this one too.
      fresh = await imageWith(old, 'rolled', 'echo rolled > /etc/zf-roll');
      // Workers first: they have stock of both when a coordinator begins to ask for the new one.
      await deployNodes(fresh, old, hits);
      await deployCoordinators(fresh);
      await load.reach(load.ended + 200);
      await deployNodes(fresh, '', hits);
      await load.reach(load.ended + 200);
    } finally {
      await load.stop();
    }
    await hits.look();
    process.stdout.write(`  ${load.summary}; ${hits.summary}\n`);
    expect(load.failures.join()).toBe('');
    expect(load.images.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 'old'));
    expect(load.images.slice(-100)).toEqual(Array.from({ length: 100 }, () => 'rolled'));
    expect(hits.claims).toBeGreaterThan(COUNTED_SHARE * (load.ended - FIRST_JOBS));
    expect(hits.share, hits.summary).toBeGreaterThanOrEqual(HITS_SHARE);
    await gone(oldId);
    expect(await hits.diskShare()).toBeLessThan(HIGH_PERCENT / 100);
  });

  it('whose containers do not start is seen before a job asks for it, and says why to those that do; rolling back heals', async () => {
    const [node] = rig.fleet.nodes;
    if (node === undefined) throw new Error('the fleet has no node');
    const broken = await imageWith(fresh, 'broken', 'true', [NO_PROGRAM]);
    const brokenId = await idOf(broken);
    // No container of it stands: a node that is not told of it would remove it from the engine that both nodes are on.
    const pin = (await docker(['create', '--network', 'none', broken])).trim();

    // Beside the other on one node: its stock fails, jobs know nothing of it.
    const load = loadOfAll();
    try {
      await deployNode(node, fresh, broken);
      await stocked(node, fresh);
      const state = await eventually('an open breaker', async () => {
        const seen = await stateOf(node);
        return poolsIn(seen, broken).every(({ stats }) => stats?.breaker === 'open') ? seen : undefined;
      });
      expect(state).toMatchObject({
        ready: false,
        containers: expect.stringContaining(NO_PROGRAM) as string,
      });
      for (const { warm, stats } of poolsIn(state, broken)) {
        expect(warm).toBe(0);
        expect(stats?.claims).toEqual({ session: 0, reused: 0, warm: 0, cold: 0 });
        expect(stats?.failures).toBeGreaterThanOrEqual(5);
      }
    } finally {
      await load.stop();
    }
    expect(load.failures.join()).toBe('');

    // Instead of it: jobs hear why, and are well again as soon as the coordinators are back.
    for (const each of rig.fleet.nodes) await deployNode(each, broken, fresh);
    await deployCoordinators(broken);
    const refused = await runOne();
    expect(refused).toMatchObject({ stage: 'failed', error: { code: 'start_failed' } });
    expect(refused.error?.message).toContain(NO_PROGRAM);
    await deployCoordinators(fresh);
    expect(await runOne()).toMatchObject({ stage: 'succeeded', error: null });

    // Above the marks what nobody wants goes at once, and what is wanted stays.
    await docker(['rm', pin]);
    for (const each of rig.fleet.nodes) {
      await deployNode(each, fresh, '', LOW_MARKS);
      await stocked(each, fresh);
    }
    await gone(brokenId);
    expect(await imageIds()).toContain(await idOf(fresh));
    for (const each of rig.fleet.nodes)
      expect(await stateOf(each)).toMatchObject({ ready: true, containers: 'ok' });
    const after = loadOfAll();
    await after.reach(50);
    await after.stop();
    expect(after.failures.join()).toBe('');
    expect(new Set(after.images)).toEqual(new Set(['rolled']));
  });
});
