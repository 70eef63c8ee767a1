import { afterEach, describe, expect, it } from 'vitest';
import { ZerofleetClient } from './client.js';
import { BadOptionError } from './errors.js';
import { json, QuickClock, scriptedServer, type ScriptedServer } from './scripted-server.test.helper.js';

const open: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const serve = async (): Promise<ScriptedServer> => {
  const server = await scriptedServer(json(200, {}));
  open.push(server);
  return server;
};

const clientOf = ({ url }: ScriptedServer): ZerofleetClient =>
  new ZerofleetClient({ urls: [url], apiKey: 'zf_key', clock: new QuickClock() });

type Ask = (client: ZerofleetClient) => Promise<unknown>;

describe('a name that is a step of the path', () => {
  it.each<[string, Ask]>([
    ['a tenant', ({ admin }) => admin.createKey('..', { name: 'ci' })],
    ['a tenant of one dot', ({ admin }) => admin.quotas('.')],
    ['a key', ({ admin }) => admin.revokeKey('acme', '..')],
    ['nothing', ({ settings }) => settings.deleteSecret('')],
    ['a job', (client) => client.cancel('..')],
  ])('is never sent as the name of %s', async (_, ask) => {
    const server = await serve();
    await expect(ask(clientOf(server))).rejects.toBeInstanceOf(BadOptionError);
    expect(server.seen).toEqual([]);
  });

  it('is one step whatever else it holds', async () => {
    const server = await serve();
    await clientOf(server).settings.deleteSecret('a/../b?c#d%2e');
    expect(server.seen[0]?.url).toBe('/v1/secrets/a%2F..%2Fb%3Fc%23d%252e');
  });
});
