/**
 * Containers that come and go, made past the fleet: what the engine alone does to a neighbour when as many end and start again as
 * an attack costs. No bound on neighbours can be held below that by what the fleet does while a container is lost.
 */
import { request } from 'node:http';
import { enginePath } from './engine.js';

const CALL_MS = 20_000;
const MEMORY = 256 * 1024 ** 2;

/** A call of the engine's API that changes something. Resolves to the answer's JSON, or undefined where it has none. */
const call = <T>(method: 'POST' | 'DELETE', path: string, body?: object): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request(
      { socketPath: enginePath(), method, path, headers, timeout: CALL_MS },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () => {
          const text = Buffer.concat(pieces).toString('utf8');
          if ((answer.statusCode ?? 500) >= 300)
            reject(new Error(`the engine answered ${answer.statusCode ?? 0} to ${method} ${path}: ${text}`));
          else resolve(text === '' ? undefined : (JSON.parse(text) as T));
        });
        answer.on('error', reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`the engine did not answer ${path}`)));
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? '' : JSON.stringify(body));
  });

/** Starts `count` containers of `image` at once that only sleep, and ends them again after `liveMs`. */
export const churn = async (image: string, count: number, liveMs: number): Promise<void> => {
  const ids: string[] = [];
  try {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const made = await call<{ Id: string }>('POST', '/containers/create', {
          Image: image,
          Entrypoint: ['sleep', '60'],
          NetworkDisabled: true,
          HostConfig: { NetworkMode: 'none', Init: true, LogConfig: { Type: 'none' }, Memory: MEMORY },
        });
        if (made === undefined) throw new Error('the engine made a container without an id');
        ids.push(made.Id);
        await call('POST', `/containers/${made.Id}/start`);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, liveMs));
  } finally {
    await Promise.all(ids.map((id) => call('DELETE', `/containers/${id}?force=1`)));
  }
};
