/** The machine's network: names asked of a DNS server of the test's, connections to servers on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkWith, systemNetwork, type Network } from './network.js';

const [A, AAAA] = [1, 28];
const HEADER_BYTES = 12;

/** Name and type of the one question in a DNS message, and where it ends. */
const questionOf = (message: Buffer): { name: string; type: number; end: number } => {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
};

const addressBytes = (address: string): number[] =>
  address.includes('.') ? address.split('.').map(Number) : [...Array<number>(15).fill(0x26), Number(address)];

/** Answers with `addresses`, or a code of the DNS protocol. */
const answerTo = (message: Buffer, addresses: readonly string[] | number): Buffer => {
  const { type, end } = questionOf(message);
  const listed = typeof addresses === 'number' ? [] : addresses;
  const head = Buffer.from(message.subarray(0, end));
  head.writeUInt16BE(0x8180 | (typeof addresses === 'number' ? addresses : 0), 2);
  head.writeUInt16BE(listed.length, 6);
  head.writeUInt32BE(0, 8);
  const records = listed.map((address) => {
    const data = addressBytes(address);
    return Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]);
  });
  return Buffer.concat([head, ...records]);
};

const eventually = <T>(probe: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(probe, { timeout: 10_000, interval: 5 });
const never = new AbortController().signal;
const socket = createSocket('udp4');
let asked: string[] = [];
let zone: Record<string, readonly string[] | number | undefined> = {};
let network: Network;
const overIpv6 = (): Network => networkWith({ servers: [serverOf()], hasIpv4: () => false });
const serverOf = (): string => `127.0.0.1:${socket.address().port}`;

describe('names', () => {
  beforeEach(async () => {
    asked = [];
    if (socket.listenerCount('message') > 0) return;
    socket.on('message', (message, { port, address }) => {
      const { name, type } = questionOf(message);
      const question = `${type === A ? 'A' : type === AAAA ? 'AAAA' : type} ${name}`;
      asked.push(question);
      const found = question in zone ? zone[question] : 3;
      if (found !== undefined) socket.send(answerTo(message, found), port, address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.unref();
    network = networkWith({ servers: [serverOf()], hasIpv4: () => true });
  });
  afterEach(() => {
    zone = {};
  });

  it('are asked for once, whatever comes', async () => {
    zone = { 'A api.example.com': ['93.184.215.14', '10.0.0.1'] };
    expect(await network.resolve('api.example.com', never)).toEqual(['93.184.215.14', '10.0.0.1']);
    expect(asked).toEqual(['A api.example.com']);
  });

  it('of IPv6 alone are found too, and are all there is where nothing else leads out', async () => {
    zone = { 'A six.example.com': 0, 'AAAA six.example.com': ['9'], 'AAAA both.example.com': ['8'] };
    const v6 = (last: number): string => `${'2626:'.repeat(7)}260${last}`;
    expect(await network.resolve('six.example.com', never)).toEqual([v6(9)]);
    expect(asked).toEqual(['A six.example.com', 'AAAA six.example.com']);
    expect(await overIpv6().resolve('both.example.com', never)).toEqual([v6(8)]);
  });

  it('are looked for nowhere but in DNS', async () => {
    await expect(network.resolve('localhost', never)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(network.resolve('nats', never)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(asked).toEqual(['A localhost', 'A nats']);
  });

  it('that nobody answers for are given up when it is time', async () => {
    zone = { 'A silent.example.com': undefined };
    const abort = new AbortController();
    const answer = network.resolve('silent.example.com', abort.signal);
    await eventually(() => asked).toHaveLength(1);
    abort.abort();
    await expect(answer).rejects.toMatchObject({ code: 'ECANCELLED' });
    await expect(network.resolve('silent.example.com', abort.signal)).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });
});

describe('connections', () => {
  it('go to addresses only', async () => {
    await expect(systemNetwork.dial('localhost', 1, never)).rejects.toThrow("'localhost' is no address");
  });

  it('end one direction after the other', async () => {
    let heard = '';
    const server = createServer({ allowHalfOpen: true }, (peer) => {
      peer.end('hello').on('data', (bytes: Buffer) => (heard += bytes.toString()));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = await systemNetwork.dial('127.0.0.1', (server.address() as AddressInfo).port, never);
    let said = '';
    made.on('data', (bytes: Buffer) => (said += bytes.toString()));
    await once(made, 'end');
    expect(said).toBe('hello');
    made.end('and bye');
    await once(made, 'close');
    await eventually(() => heard).toBe('and bye');
    server.close();
  });

  it('that fail say why, and one that is not wanted any more is not made', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const abort = new AbortController();
    const made = systemNetwork.dial('127.0.0.1', port, abort.signal);
    abort.abort();
    await expect(made).rejects.toThrow('aborted');
    await new Promise((done) => server.close(done));
    await expect(systemNetwork.dial('127.0.0.1', port, never)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});
