/** The Docker engine as a test looks at it, past the fleet: which tool containers there are, and what they are made of. */
import { request } from 'node:http';
import { CONTAINER_LABEL } from '@zerofleet/protocol';
import { eventually } from '../../fleet/eventually.js';

const CALL_MS = 5_000;
const GONE_WITHIN_MS = 15_000;
const GONE_EVERY_MS = 25;

/** The engine's socket. */
export const enginePath = (): string => {
  const host = process.env['DOCKER_HOST'] ?? '';
  return host.startsWith('unix://') ? host.slice('unix://'.length) : '/var/run/docker.sock';
};

/** GET of the engine's API. */
export const ask = <T>(path: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: enginePath(), path, timeout: CALL_MS }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8');
        if (answer.statusCode !== 200)
          reject(new Error(`the engine answered ${answer.statusCode ?? 0}: ${text}`));
        else resolve(JSON.parse(text) as T);
      });
      answer.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`the engine did not answer ${path}`)));
    outgoing.on('error', reject);
    outgoing.end();
  });

/** Full ids of the fleet's tool containers, in any state. */
export const toolContainers = async (broker: string): Promise<string[]> => {
  const filters = JSON.stringify({ label: [`${CONTAINER_LABEL.broker}=${broker}`] });
  const list = await ask<{ Id: string }[]>(`/containers/json?all=1&filters=${encodeURIComponent(filters)}`);
  return list.map(({ Id: id }) => id);
};

/**
 * When the engine first had each of these containers no more, by short id, in ms since the epoch: asked every GONE_EVERY_MS, so it
 * is late by that at most. Throws when one is still there after GONE_WITHIN_MS.
 */
export const goneAtMs = async (
  containers: readonly string[],
  broker: string,
): Promise<ReadonlyMap<string, number>> => {
  const gone = new Map<string, number>();
  await eventually(
    `containers ${containers.join()} gone`,
    async () => {
      const there = await toolContainers(broker);
      for (const id of containers)
        if (!gone.has(id) && !there.some((one) => one.startsWith(id))) gone.set(id, Date.now());
      return gone.size === containers.length ? true : undefined;
    },
    GONE_WITHIN_MS,
    GONE_EVERY_MS,
  );
  return gone;
};
