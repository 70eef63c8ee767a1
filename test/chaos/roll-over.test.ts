/**
 * A release with another tools image, rolled out under load as a deploy does it, on a real engine: jobs find warm containers all
 * the time, none fails, the new ones run in the new image, and the old image is gone once nobody can ask for it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker, type EmbeddedNode } from '@zerofleet/launch';
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
/** Of the engine's disk, in percent; what a deploy of the same image with another layer needs is far below. */
const HIGH_PERCENT = 80;

const session = testSession();
let rig: Rig;
let old: string;

/** An image with another digest: the old one with a file that says which it is. */
const imageWith = async (tag: string, command: string): Promise<string> => {
  const reference = `${old.slice(0, old.lastIndexOf(':'))}:${tag}`;
  const id = (
    await docker(['create', '--network', 'none', '--entrypoint', 'sh', '--user', '0', old, '-c', command])
  ).trim();
  await docker(['start', '-a', id]);
  const entry = JSON.parse(await docker(['inspect', '-f', '{{json .Config.Entrypoint}}', old])) as string[];
  await docker(['commit', '-c', `ENTRYPOINT ${JSON.stringify(entry)}`, '-c', 'CMD []', id, reference]);
  await docker(['rm', id]);
  return reference;
};

interface PoolRow {
  readonly key: string;
  readonly target: number;
  readonly warm: number;
}

const poolsOf = async ({ workerUrl }: EmbeddedNode): Promise<readonly PoolRow[]> => {
  const answer = await fetch(`${workerUrl}/readyz`).catch(() => undefined);
  if (answer === undefined) return [];
  return ((await answer.json()) as { details: { pools?: PoolRow[] } }).details.pools ?? [];
};

/** Waits until the node has stock of `image`. */
const stocked = async (node: EmbeddedNode, image: string): Promise<void> => {
  let seen: readonly PoolRow[] = [];
  const look = async (): Promise<true | undefined> => {
    seen = await poolsOf(node);
    const pools = seen.filter(({ key }) => key.startsWith(`${image}|`));
    return pools.length > 0 && pools.every(({ warm }) => warm >= STOCK) ? true : undefined;
  };
  await eventually(`stock of ${image}`, look, FULL_WITHIN_MS).catch((error: unknown) => {
    throw new Error(`no stock of ${image} at ${node.workerUrl}: ${JSON.stringify(seen)}`, { cause: error });
  });
};

/** One node after the other: drained, its broker told what may run, its worker started with `image` and stock of `also`. */
const deployNodes = async (image: string, also: string, hits: HitCount): Promise<void> => {
  for (const node of rig.fleet.nodes) {
    await hits.look();
    await node.worker.stop();
    await node.broker?.deploy({ ZF_BROKER_IMAGES: [image, also].filter((one) => one !== '').join() });
    await node.worker.deploy({ ZF_IMAGE_TOOLS: image, ZF_IMAGE_TOOLS_ALSO: also });
    await stocked(node, image);
  }
};

const imageIds = async (): Promise<string[]> => (await docker(['images', '-q', '--no-trunc'])).split('\n');

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
    const oldId = (await docker(['inspect', '-f', '{{.Id}}', old])).trim();
    const hits = new HitCount(rig.fleet.nodes.map(({ workerUrl }) => workerUrl));
    const load = new RollLoad(
      rig.fleet.tenants.map(
        ({ apiKey }) => new ZerofleetClient({ urls: rig.fleet.apiUrls, apiKey, requestTimeoutMs: 60_000 }),
      ),
    );
    try {
      await load.reach(50);
      // What was learned before is not this test's; the first claims of each tenant may be of any kind.
      await hits.begin();
      // Only now: the node's keeper removes what nobody asks for, this one too.
      const fresh = await imageWith('rolled', 'echo rolled > /etc/zf-roll');
      // Workers first: they have stock of both when a coordinator begins to ask for the new one.
      await deployNodes(fresh, old, hits);
      for (const name of ['coordinator', 'coordinator-2'] as const)
        await rig.fleet.part(name).deploy({ ZF_IMAGE_TOOLS: fresh });
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
    expect(hits.claims).toBeGreaterThan(300);
    expect(hits.share, hits.summary).toBeGreaterThanOrEqual(HITS_SHARE);
    await eventually(
      'the old image gone',
      async () => ((await imageIds()).includes(oldId) ? undefined : true),
      GONE_WITHIN_MS,
    );
    expect(await hits.diskShare()).toBeLessThan(HIGH_PERCENT / 100);
  });
});
