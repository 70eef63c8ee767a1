import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Latency } from './latency.js';
import { runLoad } from './load.js';
import { WORKLOADS, type Workload } from './workloads.js';

const echo = WORKLOADS.get('echo') as Workload;
let stop: () => void = () => undefined;
afterEach(() => stop());

/** Accepts each submission with an id made of its text; `refuse` says which are refused. */
const serve = async (refuse: (text: string) => boolean): Promise<string> => {
  const server = createServer((request, reply) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { text } = (JSON.parse(body) as { arguments: { text: string } }).arguments;
      if (refuse(text)) reply.writeHead(503).end('{}');
      else reply.writeHead(202).end(JSON.stringify({ id: `id of ${text}` }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

describe('runLoad', () => {
  it('sends what was asked for and keeps every id with the number of its job', async () => {
    const url = await serve((text) => text === 'job 3');
    const result = await runLoad({ url, apiKey: 'k', rate: 20, durationS: 2 }, echo);
    expect(result.offered).toBe(40);
    expect(result.counts).toEqual({ sent: 40, accepted: 39, refused: 1, timedOut: 0, broken: 0, cutOff: 0 });
    expect(result.statuses).toEqual({ 202: 39, 503: 1 });
    expect(new Set(result.accepted.map(([n]) => n)).size).toBe(39);
    for (const [n, id] of result.accepted) expect(id).toBe(`id of job ${n}`);
    expect(Latency.decode(result.latency).percentiles('raw').n).toBe(40);
  });
});
