/** The gate against a runner that a test plays: what a hostile or unlucky one can make of it. */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobId, TenantId, ToolDefinition, ToolName } from '@zerofleet/model';
import { encodeJsonFrame, FRAME, type RunJob } from '@zerofleet/protocol';
import { newRegistry, type Clock, type Registry } from '@zerofleet/runtime';
import { RunnerLink, type RunEnd } from '../runner/runner-link.js';
import {
  ACK,
  HELLO_ALL,
  resultWith,
  ScriptedRunner,
  STARTED,
  tunnelOut,
} from '../runner/scripted-runner.test.helper.js';
import { Egress } from './egress.js';
import { loggerInto, SETTINGS, TestNetwork, type AuditLine } from './egress-bench.test.helper.js';
import type { EgressGate } from './egress-gate.js';
import { HALF_OPEN_MS } from './host-stream.js';

const PUBLIC = '93.184.215.14';
const spec = { job: 'j1', attempt: 1, tool: 't', arguments: {}, files: [], egress: true };
const limits = { timeoutMs: 1_000, outputBytes: 100, resultBytes: 1_000 };
const hosts = ['a.example.com', '*.b.example.com'];
const job = {
  id: 'j1' as JobId,
  attempt: 1,
  form: { tenant: 'ada' as TenantId, tool: 't' as ToolName, egress: { hosts } },
} as unknown as RunJob;

/** A clock that a test moves. */
class HandClock implements Clock {
  private now = 0;
  private timers: { readonly atMs: number; readonly fire: () => void }[] = [];
  nowMs = (): number => this.now;
  wallMs = (): number => this.now;
  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.now + delayMs, fire };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  }
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = this.timers.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.now = next.atMs;
      this.timers = this.timers.filter((one) => one !== next);
      next.fire();
    }
    this.now = until;
  }
}

const eventually = <T>(probe: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(probe, { timeout: 10_000, interval: 5 });

interface Side {
  readonly runner: ScriptedRunner;
  readonly gate: EgressGate;
  readonly end: Promise<RunEnd>;
}

let network: TestNetwork;
let clock: HandClock;
let audit: AuditLine[];
let registry: Registry;

const egressWith = (change: Partial<typeof SETTINGS> = {}): Egress => {
  registry = newRegistry();
  const tools = [{ name: 't', egress: { hosts } } as unknown as ToolDefinition];
  const settings = { ...SETTINGS, ...change };
  return new Egress({ settings, tools, clock, log: loggerInto(audit), registry, network });
};

const running = async (egress: Egress, show = (text: string): string => text): Promise<Side> => {
  const runner = new ScriptedRunner();
  const link = new RunnerLink(runner);
  runner.say(HELLO_ALL);
  await link.greeted;
  const offer = link.offer({ ...spec, limits });
  runner.say(ACK);
  await offer;
  const gate = egress.gateFor(job, link.tunnel, show);
  link.onTunnel(gate);
  const end = link.go({ started: () => undefined, output: () => undefined });
  runner.say(STARTED);
  return { runner, gate, end };
};

const open = (id: number, host = 'a.example.com', port = 443): Buffer =>
  encodeJsonFrame(FRAME.TUNNEL_OPEN, { id, host, port, kind: 'connect' });
const closed = (id: number): Buffer => encodeJsonFrame(FRAME.TUNNEL_CLOSED, { id, reason: 'bye' });

/** JSON frames of a type that the worker wrote. */
const said = (runner: ScriptedRunner, type: number): Record<string, unknown>[] =>
  runner.written
    .filter((frame) => frame.type === type)
    .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);
const answers = (runner: ScriptedRunner): Record<string, unknown>[] => said(runner, FRAME.TUNNEL_OPENED);
const held = async (): Promise<number | undefined> =>
  (await registry.getSingleMetric('zf_egress_tunnels')?.get())?.values[0]?.value;

beforeEach(() => {
  network = new TestNetwork();
  network.names.set('a.example.com', [[PUBLIC]]);
  clock = new HandClock();
  audit = [];
});
afterEach(() => network.close());

describe('the gate', () => {
  it.each<[string, readonly string[], string]>([
    ['no address', [], 'unresolved'],
    ['more than anybody has', Array<string>(65).fill(PUBLIC), 'unresolved'],
    ['one that is none', ['example.org'], 'forbidden_address'],
    ['one with a zone', ['2606:4700::1%eth0'], 'forbidden_address'],
    ['one in the old spelling', ['0177.0.0.1'], 'forbidden_address'],
    ['a private one behind', [PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC, '192.168.0.1'], 'forbidden_address'],
    ['a mapped one', ['::ffff:93.184.215.14'], 'forbidden_address'],
  ])('makes no connection for a name with %s', async (_what, addresses, code) => {
    network.names.set('a.example.com', [addresses]);
    const { runner } = await running(egressWith());
    runner.say(open(1));
    await eventually(() => answers(runner)).toMatchObject([{ id: 1, ok: false, code }]);
    expect(network.dialed).toEqual([]);
    runner.say(closed(1));
    expect(runner.destroyed).toBe(false);
    expect(await held()).toBe(0);
  });

  it('refuses an address that is denied, or in a network of its own, and writes down which', async () => {
    network.own = [{ version: 4, value: 0x5db8d700n, prefix: 24 }];
    const { runner } = await running(egressWith());
    runner.say(open(1));
    await eventually(() => answers(runner)).toMatchObject([{ code: 'forbidden_address' }]);
    expect(answers(runner)[0]?.['message']).not.toContain(PUBLIC);
    expect(audit).toMatchObject([{ event: 'egress_refused', host: 'a.example.com', address: PUBLIC }]);
  });

  it('tries the next address where one does not answer', async () => {
    await network.serve(443, () => undefined);
    network.names.set('a.example.com', [['9.9.9.9', '9.9.9.10', PUBLIC]]);
    network.silent.add('9.9.9.9').add('9.9.9.10');
    const { runner } = await running(egressWith({ connectMs: 3_000 }));
    runner.say(open(1));
    for (const tried of [1, 2]) {
      await eventually(() => network.dialed).toHaveLength(tried);
      clock.pass(1_000);
    }
    await eventually(() => answers(runner)).toMatchObject([{ id: 1, ok: true }]);
    expect(network.dialed.at(-1)).toBe(`${PUBLIC}:443`);
  });

  it('says no in time where the name is not found in time', async () => {
    network.resolve = (name, signal) =>
      new Promise((_resolve, reject) => {
        network.lookedUp.push(name);
        signal.addEventListener('abort', () => reject(new Error('cancelled')));
      });
    const { runner } = await running(egressWith({ connectMs: 3_000 }));
    runner.say(open(1));
    await eventually(() => network.lookedUp).toHaveLength(1);
    clock.pass(2_999);
    expect(answers(runner)).toEqual([]);
    clock.pass(1);
    await eventually(() => answers(runner)).toMatchObject([{ code: 'late' }]);
  });

  it('gives up what it began for a tunnel that is over', async () => {
    const aborted: string[] = [];
    network.resolve = (name, signal) => {
      network.lookedUp.push(name);
      if (network.lookedUp.length > 1) return Promise.resolve([PUBLIC]);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(name);
          reject(new Error('cancelled'));
        });
      });
    };
    network.silent.add(PUBLIC);
    const { runner, end } = await running(egressWith());
    runner.say(open(1), closed(1));
    expect(aborted).toEqual(['a.example.com']);
    runner.say(open(2));
    await eventually(() => network.dialed).toHaveLength(1);
    expect(await held()).toBe(1);
    runner.say(resultWith({}));
    await end;
    expect(await held()).toBe(0);
    expect(answers(runner)).toEqual([]);
  });

  it('drops a connection that comes about too late', async () => {
    const sockets: Socket[] = [];
    let letGo = (): void => undefined;
    await network.serve(443, () => undefined);
    const dial = network.dial.bind(network);
    network.dial = async (address, port) => {
      const socket = await dial(address, port, new AbortController().signal);
      sockets.push(socket);
      await new Promise<void>((go) => (letGo = go));
      return socket;
    };
    const { runner } = await running(egressWith());
    runner.say(open(1));
    await eventually(() => sockets).toHaveLength(1);
    runner.say(closed(1));
    letGo();
    await eventually(() => sockets[0]?.destroyed).toBe(true);
    expect(answers(runner)).toEqual([]);
  });

  it('ends a tunnel when its time is over', async () => {
    await network.serve(443, () => undefined);
    const { runner } = await running(egressWith({ tunnelMs: 5_000 }));
    runner.say(open(1));
    await eventually(() => answers(runner)).toHaveLength(1);
    clock.pass(4_999);
    expect(said(runner, FRAME.TUNNEL_SHUT)).toEqual([]);
    clock.pass(1);
    expect(said(runner, FRAME.TUNNEL_SHUT)).toEqual([{ id: 1, reason: 'its time is over' }]);
    expect(await held()).toBe(0);
  });

  it('ends half a tunnel that is silent, and no whole one', async () => {
    const peers: Socket[] = [];
    await network.serve(443, (socket) => void peers.push(socket.resume()));
    const { runner } = await running(egressWith({ tunnelMs: 100 * HALF_OPEN_MS }));
    runner.say(open(1), open(2));
    await eventually(() => answers(runner)).toHaveLength(2);
    await eventually(() => peers).toHaveLength(2);
    runner.say(tunnelOut(1, Buffer.alloc(0)));
    clock.pass(HALF_OPEN_MS - 1);
    // What the host says is no silence, and the time begins anew.
    for (const peer of peers) peer.write('x');
    await eventually(() => runner.types.filter((type) => type === FRAME.TUNNEL_IN)).toHaveLength(2);
    clock.pass(HALF_OPEN_MS - 1);
    expect(said(runner, FRAME.TUNNEL_SHUT)).toEqual([]);
    clock.pass(1);
    expect(said(runner, FRAME.TUNNEL_SHUT)).toMatchObject([{ id: 1 }]);
  });

  it('ends every tunnel of a job whose bytes are spent', async () => {
    await network.serve(443, () => undefined);
    const { runner } = await running(egressWith({ bytesMax: 10 }));
    runner.say(open(1), open(2));
    await eventually(() => answers(runner)).toHaveLength(2);
    runner.say(tunnelOut(1, Buffer.alloc(10)));
    expect(said(runner, FRAME.TUNNEL_SHUT)).toEqual([]);
    runner.say(tunnelOut(2, Buffer.alloc(1)));
    expect(said(runner, FRAME.TUNNEL_SHUT).map(({ id }) => id)).toEqual([1, 2]);
    expect(audit.map(({ up }) => up)).toEqual([10, 0]);
  });

  it('cuts what a host sends to the byte, and then ends', async () => {
    await network.serve(443, (socket) => void socket.write(Buffer.alloc(1_000)));
    const { runner } = await running(egressWith({ bytesMax: 999 }));
    runner.say(open(1));
    await eventually(() => said(runner, FRAME.TUNNEL_SHUT)).toMatchObject([{ id: 1 }]);
    const pieces = runner.written.filter(({ type }) => type === FRAME.TUNNEL_IN);
    expect(pieces.reduce((sum, { payload }) => sum + payload.byteLength - 4, 0)).toBe(999);
  });

  it('has no tunnel left for one job when others have all of the worker', async () => {
    network.silent.add(PUBLIC);
    const egress = egressWith();
    const sides: Side[] = [];
    for (let side = 0; side < 9; side += 1) {
      sides.push(await running(egress));
      sides.at(-1)?.runner.say(...Array.from({ length: 32 }, (_, at) => open(at + 1)));
    }
    expect(await held()).toBe(256);
    const last = sides.at(-1) as Side;
    expect(answers(last.runner)).toHaveLength(32);
    expect(answers(last.runner)[0]).toMatchObject({ code: 'busy' });
    sides[0]?.runner.say(resultWith({}));
    expect(await held()).toBe(224);
    last.runner.say(closed(1), open(33));
    expect(await held()).toBe(225);
  });

  it('is done with a job that asks without an end', async () => {
    const { runner, gate } = await running(egressWith());
    for (let id = 1; id <= 20_001; id += 1)
      runner.say(open(id, id > 20_000 ? undefined : 'evil.org'), closed(id));
    expect(answers(runner).at(-1)).toMatchObject({ code: 'spent' });
    expect(network.lookedUp).toEqual([]);
    gate.end();
    expect(audit).toHaveLength(201);
    expect(audit.at(-1)).toMatchObject({ event: 'egress_not_logged', tunnels: 19_801 });
  });

  it('writes no secret down', async () => {
    network.names.set('swordfish.b.example.com', [[PUBLIC]]);
    const { runner } = await running(egressWith(), (text) => text.replaceAll('swordfish', '***'));
    runner.say(open(1, 'swordfish.evil.org'), open(2, 'swordfish.b.example.com'));
    await eventually(() => answers(runner)).toHaveLength(2);
    expect(audit).toHaveLength(2);
    expect(JSON.stringify(audit)).not.toContain('swordfish');
  });

  it('holds nothing at the end, whatever the runner says', async () => {
    await network.serve(443, (socket) => void socket.pipe(socket));
    const frame = fc.record({
      id: fc.integer({ min: 1, max: 12 }),
      what: fc.constantFrom('open', 'data', 'end', 'credit', 'closed', 'elsewhere', 'wait'),
      bytes: fc.integer({ min: 1, max: 65_536 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 40 }), fc.boolean(), async (frames, dies) => {
        const { runner, end } = await running(egressWith({ bytesMax: 200_000, tunnelsMax: 4 }));
        for (const { id, what, bytes } of frames) {
          if (runner.destroyed) break;
          if (what === 'open') runner.say(open(id));
          else if (what === 'elsewhere') runner.say(open(id, 'evil.org'));
          else if (what === 'data') runner.say(tunnelOut(id, Buffer.alloc(bytes)));
          else if (what === 'end') runner.say(tunnelOut(id, Buffer.alloc(0)));
          else if (what === 'closed') runner.say(closed(id));
          else if (what === 'credit') runner.say(encodeJsonFrame(FRAME.TUNNEL_CREDIT, { id, bytes }));
          else await new Promise((done) => setImmediate(done));
        }
        if (dies) runner.die('oops');
        else runner.say(resultWith({}));
        await end;
        expect(await held()).toBe(0);
        const counted = await registry.getSingleMetric('zf_egress_bytes_total')?.get();
        const bytes = (counted?.values ?? []).reduce((sum, { value }) => sum + value, 0);
        expect(bytes).toBeLessThanOrEqual(200_000);
      }),
      { numRuns: 150 },
    );
  });
});
