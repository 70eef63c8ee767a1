/** The broker on a real engine with the real tools image: what it makes, and that none of it outlives its worker. */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { callWith } from '../broker/ground.js';
import { BrokerProcess, docker } from './broker-process.js';

const image = inject('engine').toolImage;
/** The engine's header and the frame's, before HELLO's JSON. */
const HELLO_JSON_AT = 8 + 5;

/** A sweep comes every 10 s. */
const SWEPT_WITHIN_MS = 15_000;

let broker: BrokerProcess;

/** A container with the broker's labels that it knows nothing of. */
const orphan = (): string => {
  const labels = ['--label', 'zerofleet.role=tool', '--label', `zerofleet.broker=${broker.node}`];
  return docker('create', '--network', 'none', ...labels, image);
};

/** A container whose runner has greeted, and its stream. */
const attached = async (worker = broker.caller('w1', image)) => {
  const own = callWith(worker);
  const { id, stream } = await own.attached();
  const [hello] = (await once(stream, 'data')) as [Buffer];
  expect(JSON.parse(hello.toString('utf8', HELLO_JSON_AT))).toMatchObject({ v: [1] });
  return { own, id, stream };
};

describe('the broker on a real engine', () => {
  beforeEach(async () => {
    broker = new BrokerProcess([image]);
    await broker.start();
  });
  afterEach(() => broker.remove());

  it('makes containers with every limit and no way out', async () => {
    const { id } = await attached();
    const [found] = JSON.parse(docker('inspect', id)) as [
      { HostConfig: object; Config: object; Mounts: unknown[] },
    ];
    expect(found.HostConfig).toMatchObject({
      AutoRemove: true,
      Binds: null,
      CapDrop: ['ALL'],
      Devices: null,
      Init: true,
      IpcMode: 'private',
      LogConfig: { Type: 'none' },
      Memory: 256 * 1024 ** 2,
      MemorySwap: 256 * 1024 ** 2,
      NanoCpus: 1e9,
      NetworkMode: 'none',
      PidsLimit: 128,
      Privileged: false,
      ReadonlyRootfs: true,
    });
    expect(found.Config).toMatchObject({ OpenStdin: true, StdinOnce: true, Tty: false });
    expect(found.Mounts).toEqual([]);
  });

  it('ends a container when its caller is gone, also one that does not listen any more', async () => {
    const { id, stream } = await attached();
    docker('pause', id);
    stream.destroy();
    await broker.allGone();
  });

  it("ends the caller's connection when the container ends", async () => {
    const { id, stream } = await attached();
    const closed = once(stream, 'close');
    docker('kill', id);
    await closed;
    await broker.allGone();
  });

  it('ends a container while its reader stalls', async () => {
    const { own, id, stream } = await attached();
    stream.pause();
    await own.end(id);
    await broker.allGone();
  });

  it("ends the containers of a worker's older boot", async () => {
    await attached();
    expect(await callWith(broker.caller('w1', image)).list()).toEqual([]);
    await broker.allGone();
  });

  it('leaves nothing when it is told to stop with containers attached', async () => {
    await attached();
    expect(await broker.end('SIGTERM')).toEqual([0, null]);
    await broker.allGone();
  });

  it('leaves nothing when it is killed', async () => {
    await attached();
    await broker.end('SIGKILL');
    await broker.allGone();
  });

  it('sweeps what an earlier life left', async () => {
    await broker.end('SIGKILL');
    orphan();
    await broker.start();
    await broker.allGone();
  });

  it('sweeps what is not its own while its worker makes containers all the time', async () => {
    const own = callWith(broker.caller('w1', image));
    const left = orphan();
    const sweptBy = Date.now() + SWEPT_WITHIN_MS;
    while (broker.containers().includes(left)) {
      expect(Date.now()).toBeLessThan(sweptBy);
      const made = await Promise.all(Array.from({ length: 8 }, () => own.create()));
      await Promise.all(made.map((id) => own.end(id)));
    }
  });
});
