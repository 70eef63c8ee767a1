/** Blobs and their sweeper on a real server. */
import { createHash, randomBytes } from 'node:crypto';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BlobSweeper, mayGo } from '@zerofleet/coordinator';
import type { BlobRef } from '@zerofleet/model';
import {
  natsBlobStore,
  silentLogger,
  systemClock,
  type NatsConnection,
  type StoredBlob,
} from '@zerofleet/runtime';
import { eventually } from '../fleet/eventually.js';
import { Brokers } from './brokers.js';

const HOUR_MS = 3_600_000;

describe('what a sweeper may remove', () => {
  const blob: StoredBlob = { sha256: 'a', bytes: 1, putAtMs: 1_000, nuid: 'n', revision: 1 };
  it.each([
    { nowMs: 1_000 + HOUR_MS, needed: false, goes: false },
    { nowMs: 1_001 + HOUR_MS, needed: false, goes: true },
    { nowMs: 1_001 + HOUR_MS, needed: true, goes: false },
  ])('at $nowMs, needed: $needed → $goes', ({ nowMs, needed, goes }) => {
    expect(mayGo(blob, { nowMs, keepMs: HOUR_MS, isNeeded: () => needed })).toBe(goes);
  });

  it('is no blob whose time cannot be read', () => {
    const odd = { ...blob, putAtMs: Number.NaN };
    expect(mayGo(odd, { nowMs: 1e15, keepMs: 0, isNeeded: () => false })).toBe(false);
  });
});

describe('blobs on NATS', () => {
  const brokers = new Brokers();
  let connection: NatsConnection;
  let manager: JetStreamManager;
  let buckets = 0;
  const open = (maxBytes = 1e7) => {
    buckets += 1;
    const bucket = `B${buckets}`;
    return { bucket, store: natsBlobStore(connection, bucket, { maxBytes, replicas: 1 }) };
  };
  const listed = async (store: ReturnType<typeof open>['store']): Promise<StoredBlob[]> => {
    const blobs: StoredBlob[] = [];
    for await (const blob of store.list()) blobs.push(blob);
    return blobs;
  };
  /** Gives a blob an older time, as if it had been put then. */
  const age = async (bucket: string, sha256: string, byMs: number): Promise<void> => {
    const encoded = Buffer.from(sha256).toString('base64url');
    const subject = `$O.${bucket}.M.${encoded}${'='.repeat((4 - (encoded.length % 4)) % 4)}`;
    const message = await manager.streams.getMessage(`OBJ_${bucket}`, { last_by_subj: subject });
    if (message === null) throw new Error(`no meta at ${subject}`);
    const meta = message.json<{ mtime: string }>();
    const mtime = new Date(Date.parse(meta.mtime) - byMs).toISOString();
    await manager.streams.deleteMessage(`OBJ_${bucket}`, message.seq, false);
    await manager.jetstream().publish(subject, JSON.stringify({ ...meta, mtime }));
  };
  const piecesOf = async (store: ReturnType<typeof open>['store'], ref: BlobRef): Promise<Uint8Array[]> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of store.read(ref)) pieces.push(piece);
    return pieces;
  };
  const messagesIn = async (bucket: string): Promise<number> =>
    (await manager.streams.info(`OBJ_${bucket}`)).state.messages;

  beforeAll(async () => {
    await brokers.start();
    connection = await brokers.connect();
    manager = await jetstreamManager(connection);
  }, 120_000);
  afterAll(() => brokers.stop());

  it('stores the same bytes once, and gives them back', async () => {
    const { store, bucket } = open();
    const bytes = Buffer.alloc(300_000, 'abc');
    const ref = await store.put(bytes);
    const messages = await messagesIn(bucket);
    expect(await store.put(bytes)).toEqual(ref);
    expect(await messagesIn(bucket)).toBe(messages);
    expect(Buffer.from(await store.get(ref)).equals(bytes)).toBe(true);
    expect(await listed(store)).toMatchObject([{ sha256: ref.sha256, bytes: 300_000 }]);
    await expect(store.get({ sha256: '0'.repeat(64), bytes: 1 })).rejects.toMatchObject({
      code: 'blob_unavailable',
    });
  });

  it('gives an old blob a new time when it is put again, and stores nothing more', async () => {
    const { store, bucket } = open();
    const bytes = Buffer.from('payload');
    const ref = await store.put(bytes);
    await age(bucket, ref.sha256, 2 * HOUR_MS);
    const messages = await messagesIn(bucket);
    await store.put(bytes);
    const [blob] = await listed(store);
    expect(Date.now() - (blob?.putAtMs ?? 0)).toBeLessThan(60_000);
    expect(await messagesIn(bucket)).toBe(messages);
    expect(Buffer.from(await store.get(ref)).toString()).toBe('payload');
  });

  it('takes no new blob above its share, but knows those it has; others may fill the rest', async () => {
    const { store, bucket } = open(1_000_000);
    const first = Buffer.alloc(700_000, 'a');
    const ref = await store.put(first);
    const full = { code: 'blobs_full' };
    await expect(store.put(Buffer.alloc(200_000, 'b'))).rejects.toMatchObject(full);
    expect(await store.put(first)).toEqual(ref);
    const worker = natsBlobStore(connection, bucket);
    await worker.put(Buffer.alloc(200_000, 'b'));
    await expect(worker.put(Buffer.alloc(200_000, 'c'))).rejects.toMatchObject(full);
    expect(await listed(store)).toHaveLength(2);
  });

  it('takes a blob in pieces, gives it back in pieces, and stores equal ones once', async () => {
    const { store, bucket } = open();
    const bytes = randomBytes(1_000_000);
    const write = async (): Promise<BlobRef> => {
      const writer = store.begin();
      const pieces = Array.from({ length: 4 }, (_, n) => bytes.subarray(n * 250_000, (n + 1) * 250_000));
      await Promise.all(pieces.map((piece) => writer.append(piece)));
      return writer.commit();
    };
    const ref = await write();
    expect(ref).toEqual({ sha256: createHash('sha256').update(bytes).digest('hex'), bytes: 1_000_000 });
    const messages = await messagesIn(bucket);
    expect(messages).toBe(5);
    expect(await write()).toEqual(ref);
    expect(await store.put(bytes)).toEqual(ref);
    expect(await messagesIn(bucket)).toBe(messages);
    expect(Buffer.from(await store.get(ref)).equals(bytes)).toBe(true);
    const read = await piecesOf(store, ref);
    expect(read.length).toBe(4);
    expect(Buffer.concat(read).equals(bytes)).toBe(true);
    expect(await listed(store)).toMatchObject([{ sha256: ref.sha256, bytes: 1_000_000 }]);
  });

  it('gives in pieces what was put whole, and a blob of nothing', async () => {
    const { store } = open();
    const bytes = randomBytes(300_001);
    expect(Buffer.concat(await piecesOf(store, await store.put(bytes))).equals(bytes)).toBe(true);
    const nothing = await store.begin().commit();
    expect(nothing.bytes).toBe(0);
    expect(await store.put(Buffer.alloc(0))).toEqual(nothing);
    expect(await piecesOf(store, nothing)).toEqual([]);
    expect((await store.get(nothing)).byteLength).toBe(0);
  });

  it('leaves nothing of a blob that was not finished, and no name before it was', async () => {
    const { store, bucket } = open();
    const writer = store.begin();
    await writer.append(Buffer.from('half'));
    expect(await listed(store)).toEqual([]);
    await writer.abandon();
    expect(await messagesIn(bucket)).toBe(0);
  });

  it('never gives the end of a blob that does not hold what its name says', async () => {
    const { store, bucket } = open();
    const ref = await store.put(Buffer.alloc(300_000, 'x'));
    const [blob] = await listed(store);
    const subject = `$O.${bucket}.C.${blob?.nuid ?? ''}`;
    const last = await manager.streams.getMessage(`OBJ_${bucket}`, { last_by_subj: subject });
    await manager.streams.deleteMessage(`OBJ_${bucket}`, last?.seq ?? 0);
    await expect(piecesOf(store, ref)).rejects.toMatchObject({ code: 'blob_unavailable' });
    await manager.jetstream().publish(subject, Buffer.from('other'));
    let came = 0;
    const read = (async () => {
      for await (const piece of store.read(ref)) came += piece.byteLength;
    })();
    await expect(read).rejects.toMatchObject({ code: 'blob_unavailable' });
    expect(came).toBeLessThan(300_000);
    const none = { sha256: '0'.repeat(64), bytes: 1 };
    await expect(piecesOf(store, none)).rejects.toMatchObject({ code: 'blob_unavailable' });
  });

  it('gives an old blob a new time when it comes in pieces again, and keeps one that was just swept', async () => {
    const { store, bucket } = open();
    const bytes = Buffer.alloc(200_000, 'again');
    const ref = await store.put(bytes);
    await age(bucket, ref.sha256, 3 * HOUR_MS);
    for (const isSwept of [false, true]) {
      const writer = store.begin();
      await writer.append(bytes);
      const [blob] = await listed(store);
      if (isSwept && blob !== undefined) await store.remove(blob);
      expect(await writer.commit()).toEqual(ref);
      const [there] = await listed(store);
      expect(Date.now() - (there?.putAtMs ?? 0)).toBeLessThan(60_000);
      expect((await store.get(ref)).byteLength).toBe(200_000);
    }
  });

  it('opened with a share takes nothing above it, piece by piece too', async () => {
    const { store, bucket } = open(1_000_000);
    await store.put(Buffer.alloc(300_000, 'a'));
    const files = natsBlobStore(connection, bucket, { share: 0.6 });
    const full = { code: 'blobs_full' };
    await expect(files.put(Buffer.alloc(400_000, 'b'))).rejects.toMatchObject(full);
    const writer = files.begin();
    await writer.append(Buffer.alloc(200_000, 'c'));
    await expect(writer.append(Buffer.alloc(200_000, 'c'))).rejects.toMatchObject(full);
    await writer.abandon();
    expect((await manager.streams.info(`OBJ_${bucket}`)).config.max_bytes).toBe(1_000_000);
    await store.put(Buffer.alloc(400_000, 'd'));
  });

  it('gives a bucket that is there already its limit', async () => {
    const { store, bucket } = open();
    await natsBlobStore(connection, bucket).put(Buffer.from('before'));
    await store.put(Buffer.from('after'));
    expect((await manager.streams.info(`OBJ_${bucket}`)).config.max_bytes).toBe(1e7);
  });

  it('sweeps what is old and not needed, to its last message', async () => {
    const { store, bucket } = open();
    const [old, needed, young] = [
      await store.put(Buffer.alloc(300_000, 'o')),
      await store.put(Buffer.from('needed')),
      await store.put(Buffer.from('young')),
    ];
    for (const { sha256 } of [old, needed]) await age(bucket, sha256, 3 * HOUR_MS);
    const sweeper = new BlobSweeper({
      blobs: store,
      clock: systemClock,
      log: silentLogger(),
      keepMs: 2 * HOUR_MS,
      isNeeded: (sha256) => sha256 === needed.sha256,
    });
    expect(await sweeper.sweep()).toBe(1);
    expect((await listed(store)).map(({ sha256 }) => sha256).sort()).toEqual(
      [needed.sha256, young.sha256].sort(),
    );
    expect(await messagesIn(bucket)).toBe(4);
    expect(await sweeper.sweep()).toBe(0);
    await store.put(Buffer.alloc(300_000, 'o'));
    expect((await store.get(old)).byteLength).toBe(300_000);
  });

  it('loses no blob that is put while it is swept, whoever is first', async () => {
    const { store, bucket } = open();
    for (let round = 0; round < 20; round += 1) {
      const bytes = Buffer.alloc(200_000, `round ${round} `);
      const ref = await store.put(bytes);
      await age(bucket, ref.sha256, 3 * HOUR_MS);
      const [blob] = (await listed(store)).filter(({ sha256 }) => sha256 === ref.sha256);
      if (blob === undefined) throw new Error('not listed');
      await Promise.all([store.remove(blob), store.put(bytes)]);
      expect((await store.get(ref)).byteLength).toBe(200_000);
    }
  });

  it('does not remove what was put again since it was listed', async () => {
    const { store, bucket } = open();
    const bytes = Buffer.from('again');
    const ref = await store.put(bytes);
    await age(bucket, ref.sha256, 3 * HOUR_MS);
    const [blob] = await listed(store);
    if (blob === undefined) throw new Error('not listed');
    await store.put(bytes);
    expect(await store.remove(blob)).toBe(false);
    expect(Buffer.from(await store.get(ref)).toString()).toBe('again');
  });

  it('stores the bytes anew when they were removed between the look and the refresh', async () => {
    const { store, bucket } = open();
    const bytes = Buffer.alloc(200_000, 'x');
    const ref = await store.put(bytes);
    await age(bucket, ref.sha256, 3 * HOUR_MS);
    const [blob] = await listed(store);
    if (blob === undefined) throw new Error('not listed');
    let release: (() => void) | undefined;
    let hold = true;
    const slow = new Proxy(connection, {
      get(target, name) {
        const member = Reflect.get(target, name, target) as unknown;
        if (typeof member !== 'function') return member;
        if (name !== 'request') return member.bind(target) as unknown;
        return async (...args: Parameters<NatsConnection['request']>) => {
          if (hold && args[0].startsWith(`$O.${bucket}.M.`))
            await new Promise<void>((resolve) => (release = resolve));
          return target.request(...args);
        };
      },
    });
    const putting = natsBlobStore(slow, bucket).put(bytes);
    await eventually('a refresh on its way', () => Promise.resolve(release));
    expect(await store.remove(blob)).toBe(true);
    hold = false;
    release?.();
    expect(await putting).toEqual(ref);
    expect((await store.get(ref)).byteLength).toBe(200_000);
  });

  it('asks again right before it removes a blob', async () => {
    const { store, bucket } = open();
    const { sha256 } = await store.put(Buffer.from('payload'));
    await age(bucket, sha256, 3 * HOUR_MS);
    let asked = 0;
    const isNeeded = (): boolean => (asked += 1) > 1;
    const log = silentLogger();
    const sweeper = new BlobSweeper({ blobs: store, clock: systemClock, log, keepMs: HOUR_MS, isNeeded });
    expect(await sweeper.sweep()).toBe(0);
    expect(await listed(store)).toHaveLength(1);
  });

  it('removes chunks that no blob names once they are old, and no others', async () => {
    const { store, bucket } = open();
    const ref = await store.put(Buffer.alloc(300_000, 'x'));
    await manager.jetstream().publish(`$O.${bucket}.C.cut-off`, Buffer.alloc(1_000));
    await manager.jetstream().publish(`$O.${bucket}.C.cut-off`, Buffer.alloc(1_000));
    expect(await store.removeOrphans(10)).toBe(0);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * HOUR_MS });
    try {
      expect(await store.removeOrphans(0)).toBe(0);
      expect(await store.removeOrphans(10)).toBe(1);
    } finally {
      vi.useRealTimers();
    }
    expect((await store.get(ref)).byteLength).toBe(300_000);
    expect(await messagesIn(bucket)).toBe(4);
  });
});
