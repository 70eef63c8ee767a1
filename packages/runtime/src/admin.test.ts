/** The admin listener under callers who hold connections open. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminServer } from './admin.js';
import { newRegistry } from './metrics.js';

let admin: AdminServer;
beforeEach(async () => {
  admin = new AdminServer({
    host: '127.0.0.1',
    port: 0,
    registry: newRegistry(),
    readiness: () => ({ ready: true, details: {} }),
  });
  await admin.start();
});
afterEach(() => admin.stop());

const hold = async (): Promise<Socket> => {
  const socket = createConnection({ host: '127.0.0.1', port: admin.port });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  socket.write('GET /metrics HTTP/1.1\r\n');
  return socket.resume();
};

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

describe('the admin listener', () => {
  it('answers while hundreds of connections say nothing', async () => {
    const held = await Promise.all(Array.from({ length: 300 }, hold));
    const answer = await fetch(`http://127.0.0.1:${admin.port}/healthz`);
    expect(await answer.json()).toEqual({ alive: true });
    for (const socket of held) socket.destroy();
  });

  it('ends a connection whose call does not come', async () => {
    const startedMs = performance.now();
    await closed(await hold());
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });

  it('stops while connections are held', async () => {
    const socket = await hold();
    const gone = closed(socket);
    await admin.stop();
    await gone;
  });
});
