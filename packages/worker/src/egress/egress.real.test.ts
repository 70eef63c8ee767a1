/** Egress with the real runner: programs in a job reach the hosts of their tool through the worker, and nothing else. */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressBench, outputOf, SETTINGS } from './egress-bench.test.helper.js';

const PUBLIC = '93.184.215.14';
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** In a job: a tunnel to a host, or the first line of what the proxy said instead. */
const TUNNEL = `
import json, os, socket, sys, time, urllib.error, urllib.request
proxy = os.environ['HTTPS_PROXY'].removeprefix('http://').split(':')
def tunnel(host, port=443):
    s = socket.create_connection(proxy)
    s.sendall(f'CONNECT {host}:{port} HTTP/1.1\\r\\nHost: {host}:{port}\\r\\n\\r\\n'.encode())
    head = b''
    while not head.endswith(b'\\r\\n\\r\\n'):
        head += s.recv(1)
    line = head.decode().split('\\r\\n')[0].removeprefix('HTTP/1.1 ')
    return s if line.startswith('200 ') else line
def read_all(s):
    data = b''
    while (more := s.recv(65536)):
        data += more
    return data
`;

let bench: EgressBench;

beforeEach(() => {
  bench = new EgressBench();
});
afterEach(() => bench.close());

/** Answers HTTP on plain connections. */
const http = (
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): ((s: Socket) => void) => {
  const server = createHttpServer(handle);
  return (socket) => void server.emit('connection', socket);
};

const echo = (socket: Socket): void => void socket.pipe(socket);

describe('a job with egress', () => {
  it('fetches from a listed host, in plain and through a tunnel', async () => {
    await bench.network.serve(
      80,
      http((request, response) => {
        const { host, connection, 'proxy-connection': hop } = request.headers;
        response.end(JSON.stringify([request.method, request.url, host, connection, hop ?? null]));
      }),
    );
    await bench.network.serve(443, echo);
    bench.network.names.set('api.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
print(urllib.request.urlopen('http://api.example.com/a?b=c').read().decode())
s = tunnel('API.example.com.')
s.sendall(b'hello'); s.shutdown(socket.SHUT_WR)
print(read_all(s))
`;
    expect(await bench.run(code, ['api.example.com:80', '*.example.com'])).toBe(
      `["GET","/a?b=c","api.example.com","close",null]\nb'hello'\n`,
    );
    expect(bench.network.dialed).toEqual([`${PUBLIC}:80`, `${PUBLIC}:443`]);
    expect(await bench.count('zf_egress_tunnels_total')).toEqual({ opened: 2 });
    expect(await bench.count('zf_egress_tunnels')).toEqual({ all: 0 });
    const bytes = await bench.count('zf_egress_bytes_total');
    expect(bytes['up']).toBeGreaterThan(100);
    expect(bytes['down']).toBeGreaterThan(100);
    expect(bench.audit.filter(({ event }) => event === 'egress_tunnel')).toMatchObject([
      {
        tool: 'code_execution',
        tenant: 'ada',
        host: 'api.example.com',
        port: 80,
        kind: 'http',
        address: PUBLIC,
      },
      { host: 'API.example.com.', port: 443, kind: 'connect', verdict: 'opened', up: 5, down: 5 },
    ]);
    expect(JSON.stringify(bench.audit)).not.toMatch(/a\?b=c|hello/);
  });

  it('sends more than is under way at once', async () => {
    await bench.network.serve(
      80,
      http((request, response) => {
        let bytes = 0;
        request.on('data', (piece: Buffer) => (bytes += piece.byteLength));
        request.on('end', () => response.end(String(bytes)));
      }),
    );
    bench.network.names.set('api.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
print(urllib.request.urlopen('http://api.example.com/', data=bytes(5_000_000)).read())
`;
    expect(await bench.run(code, ['api.example.com:80'])).toBe("b'5000000'\n");
  });

  it('is told in words why it gets nothing else', async () => {
    await bench.network.serve(443, echo);
    bench.network.names.set('api.example.com', [[PUBLIC]]);
    bench.network.names.set('inside.example.com', [['10.0.0.7']]);
    bench.network.names.set('shut.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
for host, port in (('evil.org', 443), ('api.example.com', 22), ('example.com', 443), ('127.0.0.1', 443),
    ('localhost', 443), ('169.254.169.254', 80), ('nats', 4222), ('a_b.example.com', 443),
    ('gone.example.com', 443), ('inside.example.com', 443), ('shut.example.com', 9)):
    print(tunnel(host, port))
try:
    urllib.request.urlopen('http://evil.org/')
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)['error']['code'])
`;
    const output = await bench.run(code, ['*.example.com', '*.example.com:9']);
    expect(output.trimEnd().split('\n')).toEqual([
      "403 evil.org at port 443 is not on this tool's list of hosts",
      "403 api.example.com at port 22 is not on this tool's list of hosts",
      "403 example.com at port 443 is not on this tool's list of hosts",
      "403 127.0.0.1 at port 443 is not on this tool's list of hosts",
      "403 localhost at port 443 is not on this tool's list of hosts",
      "403 169.254.169.254 at port 80 is not on this tool's list of hosts",
      "403 nats at port 4222 is not on this tool's list of hosts",
      '403 this is no host name, and no address as addresses are written',
      '502 gone.example.com was not found: ENOTFOUND',
      '403 inside.example.com has an address that no job may reach: it is private',
      '502 shut.example.com at port 9 cannot be reached: ECONNREFUSED',
      '403 not_allowed',
    ]);
    expect(bench.network.lookedUp).toEqual(['gone.example.com', 'inside.example.com', 'shut.example.com']);
    expect(bench.network.dialed).toEqual([`${PUBLIC}:9`]);
    expect(await bench.count('zf_egress_tunnels_total')).toEqual({
      ...{ not_allowed: 8, bad_host: 1, unresolved: 1, forbidden_address: 1, unreachable: 1 },
    });
  });

  it('cannot be led inside by a name that changes its mind', async () => {
    await bench.network.serve(443, echo);
    bench.network.names.set('rebind.example.com', [[PUBLIC], ['127.0.0.1'], [PUBLIC, '169.254.169.254']]);
    const code = `${TUNNEL}
for _ in range(3):
    s = tunnel('rebind.example.com')
    if isinstance(s, str):
        print(s)
    else:
        s.sendall(b'x'); print(s.recv(1)); time.sleep(0.05); s.sendall(b'y'); print(s.recv(1)); s.close()
`;
    expect(await bench.run(code, ['rebind.example.com'])).toBe(
      `b'x'\nb'y'\n403 rebind.example.com has an address that no job may reach: it is loopback
403 rebind.example.com has an address that no job may reach: it is link-local or metadata\n`,
    );
    // One look-up a tunnel, and the connection goes to what it gave.
    expect(bench.network.lookedUp).toHaveLength(3);
    expect(bench.network.dialed).toEqual([`${PUBLIC}:443`]);
  });

  it('reaches only what the worker lists too', async () => {
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}\nprint(tunnel('a.example.com'))`;
    for (const [hosts, own] of [
      [['a.example.com'], []],
      [['a.example.com'], ['b.example.com']],
      [['b.example.com'], ['a.example.com']],
      [['*'], ['a.example.com']],
    ] as const)
      expect(await bench.run(code, hosts, own)).toContain('is not on this tool');
    expect(bench.network.lookedUp).toEqual([]);
    expect(await bench.run(code, ['a.example.com'], ['*.example.com'])).toContain('ECONNREFUSED');
  });

  it('reaches nothing where egress is off', async () => {
    bench.settings = { ...SETTINGS, isOn: false };
    const code = `${TUNNEL}\nprint(tunnel('a.example.com'))`;
    expect(await bench.run(code, ['a.example.com'])).toContain('403 egress is off at this worker');
  });

  it('is cut at its bytes, to the byte, in both directions together', async () => {
    bench.settings = { ...SETTINGS, bytesMax: 300_000 };
    const seen: number[] = [];
    await bench.network.serve(443, (socket) => {
      socket.on('data', (bytes: Buffer) => seen.push(bytes.byteLength));
      socket.write(Buffer.alloc(100_000));
    });
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
s = tunnel('a.example.com')
got = 0
while got < 100_000: got += len(s.recv(65536))
try:
    s.sendall(bytes(1_000_000)); s.recv(1)
except OSError as error:
    print(type(error).__name__)
print(tunnel('a.example.com'))
`;
    const output = await bench.run(code, ['a.example.com']);
    expect(output).toMatch(
      /^(ConnectionResetError|BrokenPipeError)\n403 this job has used its 300000 bytes\n$/,
    );
    expect(await bench.count('zf_egress_bytes_total')).toEqual({ up: 200_000, down: 100_000 });
    expect(seen.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(200_000);
  });

  it('is told in time that a host does not answer, and loses a tunnel that lasts too long', async () => {
    bench.settings = { ...SETTINGS, connectMs: 300, tunnelMs: 300 };
    await bench.network.serve(443, echo);
    bench.network.silent.add('9.9.9.9');
    bench.network.names.set('silent.example.com', [['9.9.9.9', '9.9.9.9']]);
    bench.network.names.set('half.example.com', [['9.9.9.9', PUBLIC]]);
    const code = `${TUNNEL}
print(tunnel('silent.example.com'))
s = tunnel('half.example.com')
began = time.monotonic()
try:
    s.recv(1)
except ConnectionResetError:
    print(0.2 < time.monotonic() - began < 10)
`;
    expect(await bench.run(code, ['*.example.com'])).toBe(
      '504 silent.example.com at port 443 cannot be reached: it did not answer in time\nTrue\n',
    );
    expect(bench.network.dialed).toEqual(['9.9.9.9:443', '9.9.9.9:443', '9.9.9.9:443', `${PUBLIC}:443`]);
  });

  it('has so many tunnels at once and no more', async () => {
    bench.settings = { ...SETTINGS, tunnelsMax: 3 };
    await bench.network.serve(443, echo);
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
held = [tunnel('a.example.com') for _ in range(5)]
print([one for one in held if isinstance(one, str)])
held[0].close()
while isinstance(s := tunnel('a.example.com'), str): time.sleep(0.01)
s.sendall(b'x'); print(s.recv(1))
`;
    const no = "'503 3 connections are open already'";
    expect(await bench.run(code, ['a.example.com'])).toBe(`[${no}, ${no}]\nb'x'\n`);
  });

  it('that opens tunnels by the thousand is slowed down by nobody but itself, and fills no log', async () => {
    await bench.network.serve(443, echo);
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
for n in range(500):
    s = socket.create_connection(proxy)
    s.sendall(b'CONNECT %s:443 HTTP/1.1\\r\\n\\r\\n' % (b'a.example.com' if n % 2 else b'evil.org'))
    if n % 3: s.recv(1)
    s.close()
print('done')
`;
    expect(await bench.run(code, ['a.example.com'])).toBe('done\n');
    const counted = await bench.count('zf_egress_tunnels_total');
    expect(counted['not_allowed']).toBeGreaterThan(150);
    expect(await bench.count('zf_egress_tunnels')).toEqual({ all: 0 });
    const lines = bench.audit.filter(({ event }) => event.startsWith('egress_'));
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toMatchObject({ event: 'egress_not_logged' });
  });

  it('leaves no tunnel behind, whether it ends or is ended', async () => {
    const gone: Promise<void>[] = [];
    await bench.network.serve(443, (socket) => {
      gone.push(new Promise((done) => socket.once('close', () => done())));
      socket.resume().on('end', () => socket.end());
      socket.write('x');
    });
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const open = `${TUNNEL}
import subprocess
s = tunnel('a.example.com')
s.recv(1)
os.set_inheritable(s.fileno(), True)
subprocess.Popen(['sleep', '600'], close_fds=False, start_new_session=True)
`;
    expect(await bench.run(`${open}print('over')`, ['a.example.com'])).toBe('over\n');
    await Promise.all(gone);
    const attempt = bench.start(`${open}print('open', flush=True); time.sleep(600)`, ['a.example.com']);
    const ended = bench.outcome(attempt);
    await expect.poll(() => gone.length, { timeout: 10_000 }).toBe(2);
    attempt.stop('cancel');
    expect((await ended).kind).toBe('cancelled');
    await Promise.all(gone);
    expect(await bench.count('zf_egress_tunnels')).toEqual({ all: 0 });
  });

  it('hears the end of what a host says, and says its own, one after the other', async () => {
    let heard = '';
    await bench.network.serve(443, (socket) => {
      socket.end('first');
      socket.on('data', (bytes: Buffer) => (heard += bytes.toString()));
      socket.on('end', () => (heard += ', the end'));
    });
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
s = tunnel('a.example.com')
print(read_all(s))
s.sendall(b'after your end'); s.shutdown(socket.SHUT_WR)
time.sleep(600)
`;
    const attempt = bench.start(code, ['a.example.com']);
    const ended = bench.outcome(attempt);
    await expect.poll(() => heard, { timeout: 10_000 }).toBe('after your end, the end');
    attempt.stop('cancel');
    expect(outputOf(await ended)).toBe("b'first'\n");
    expect(bench.audit.filter(({ event }) => event === 'egress_tunnel')).toMatchObject([{ reason: 'done' }]);
  });

  it('loads a gigabyte with flat memory in worker and runner', async () => {
    const piece = Buffer.alloc(MIB, 'x');
    await bench.network.serve(443, (socket) => {
      let left = GIB / MIB;
      const more = (): void => {
        while (left > 0) {
          left -= 1;
          if (!socket.write(piece)) return void socket.once('drain', more);
        }
        socket.end();
      };
      more();
    });
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
s = tunnel('a.example.com')
buffer, got = bytearray(1 << 20), 0
while (n := s.recv_into(buffer)): got += n
print(got)
`;
    const { most, grown, output } = await watched(bench, code);
    expect(output).toBe(`${GIB}\n`);
    expect(grown, 'worker').toBeLessThan(64 * MIB);
    expect(most, 'runner').toBeLessThan(64 * MIB);
  }, 60_000);

  it('that does not read holds its host up, and nothing piles up in between', async () => {
    let sent = 0;
    await bench.network.serve(443, (socket) => {
      const piece = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (socket.write(piece)) sent += piece.byteLength;
        sent += piece.byteLength;
        socket.once('drain', more);
      };
      more();
    });
    bench.network.names.set('a.example.com', [[PUBLIC]]);
    const code = `${TUNNEL}
s = tunnel('a.example.com')
time.sleep(3)
got = 0
while got < 50_000_000: got += len(s.recv(65536))
print('read')
`;
    const attempt = bench.start(code, ['a.example.com']);
    const ended = bench.outcome(attempt);
    let before = 0;
    const standsStill = (): boolean => {
      const isSame = sent > 0 && sent === before;
      before = sent;
      return isSame;
    };
    await expect.poll(standsStill, { interval: 300, timeout: 10_000 }).toBe(true);
    // The kernel's buffers of three sockets, and one tunnel's credit; of 50 MB that the job has not begun to read.
    expect(before).toBeLessThan(24 * MIB);
    expect(outputOf(await ended)).toBe('read\n');
  });
});

/** Runs a job and notes the most memory that the runner has, and how far the worker's grows once it is warm. */
const watched = async (
  on: EgressBench,
  code: string,
): Promise<{ most: number; grown: number; output: string }> => {
  const runner: number[] = [];
  const worker: number[] = [];
  const timer = setInterval(() => {
    worker.push(process.memoryUsage.rss());
    runner.push(on.runnerRss());
  }, 50);
  const output = await on.run(code, ['a.example.com']);
  clearInterval(timer);
  const warm = Math.max(...worker.slice(0, worker.length / 4));
  return { most: Math.max(...runner), grown: Math.max(...worker) - warm, output };
};
