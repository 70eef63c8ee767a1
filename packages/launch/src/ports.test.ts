import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { fixedPort } from './ports.js';

describe('fixedPort', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('gives no port twice, though nothing listens there yet', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => fixedPort()));
    expect(new Set(ports).size).toBe(50);
  });

  it('gives ports that a server can take and no outgoing connection is given', async () => {
    const port = await fixedPort();
    expect(port).toBeLessThan(32_768);
    server = createServer();
    await new Promise<void>((resolve, reject) => {
      server?.once('error', reject);
      server?.listen(port, '127.0.0.1', resolve);
    });
  });
});
