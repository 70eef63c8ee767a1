/** Two workers that share a store, and the sessions that go from one to the other. */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BlobRef, BootId, TenantId, WorkerId } from '@zerofleet/model';
import { parseSessionRecord, sessionKey, type SessionRecord } from '@zerofleet/protocol';
import { BlobError, silentLogger, type Clock, type OwnedBlobs } from '@zerofleet/runtime';
import type { Slot } from '../pool/claim.js';
import { SessionDesk } from './session-desk.js';
import type { HeldRecord, SessionStore } from './session-store.js';

const of = { tenant: 'ann' as TenantId, session: 'work' };
const never = new AbortController().signal;

let nowMs: number;
let records: Map<string, HeldRecord>;
let blobs: Map<string, Buffer>;
let workers: Map<string, Machine>;
/** What comes between the next look at the record and its change. */
let meanwhile: (() => void)[];

const clock: Clock = {
  nowMs: () => nowMs,
  wallMs: () => nowMs,
  // Pauses are over at once.
  after: (_ms, then) => {
    queueMicrotask(then);
    return () => undefined;
  },
};

const files: OwnedBlobs = {
  ready: () => Promise.resolve(),
  put: (bytes) => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    blobs.set(sha256, Buffer.from(bytes));
    return Promise.resolve({ sha256, bytes: bytes.byteLength });
  },
  get: ({ sha256 }) => {
    const bytes = blobs.get(sha256);
    return bytes === undefined ? Promise.reject(new BlobError('gone')) : Promise.resolve(bytes);
  },
  drop: ({ sha256 }: BlobRef) => Promise.resolve(void blobs.delete(sha256)),
};

const store: SessionStore = {
  get: (tenant, session) => Promise.resolve(records.get(sessionKey(tenant, session))),
  put: (record, before) => {
    meanwhile.shift()?.();
    const key = sessionKey(record.tenant, record.session);
    if (records.get(key)?.revision !== before?.revision) return Promise.resolve(undefined);
    expect(parseSessionRecord(Buffer.from(JSON.stringify(record)))).toMatchObject({ ok: true });
    const held = { record, revision: (before?.revision ?? 0) + 1 };
    records.set(key, held);
    return Promise.resolve(held);
  },
  ask: async (worker, call) => {
    const machine = workers.get(worker);
    if (machine === undefined) return 'silent';
    return (await machine.desk.answer({ v: 1, ...call })).kind;
  },
};

interface Box {
  text: string;
  readonly slot: Slot;
}

/** A worker with a pool of one container a session, and work directories of one file. */
class Machine {
  readonly desk: SessionDesk;
  readonly parked = new Map<string, Box>();
  isBusy = false;

  constructor(name: string) {
    const pool = {
      endSession: (tenant: TenantId, session: string) => {
        if (this.isBusy) return 'busy' as const;
        this.parked.delete(sessionKey(tenant, session));
        return 'done' as const;
      },
      evictSession: async (tenant: TenantId, session: string) => {
        if (this.isBusy) return 'busy' as const;
        await this.evict(tenant, session);
        return 'done' as const;
      },
    };
    this.desk = new SessionDesk({
      ...{ store, files, pool, clock, log: silentLogger(), bytesMax: 100 },
      worker: name as WorkerId,
      boot: `00000000-0000-4000-8000-00000000000${name.length}` as BootId,
      newIncarnation: () => `incarnation-${records.size}-${nowMs}`,
    });
    workers.set(name, this);
  }

  /** A call that leaves `text`, and what it found: the state, and the text that was there. */
  async call(text: string): Promise<readonly [string, string]> {
    await this.desk.enter(of, never);
    const key = sessionKey(of.tenant, of.session);
    const own = this.parked.get(key);
    const box: Box = own ?? { text: '', slot: this.slotOf(() => box) };
    const state = await this.desk.settle(of, box.slot, own === undefined ? 'warm' : 'session');
    const found = [state, box.text] as const;
    box.text = text;
    this.parked.set(key, box);
    return found;
  }

  async evict(tenant: TenantId, session: string): Promise<void> {
    const key = sessionKey(tenant, session);
    const box = this.parked.get(key);
    if (box !== undefined) await this.desk.save({ tenant, session }, box.slot);
    this.parked.delete(key);
  }

  private slotOf(box: () => { text: string }): Slot {
    const link = {
      has: () => true,
      save: (bytesMax: number) => {
        const tar = Buffer.from(box().text);
        const end =
          tar.byteLength > bytesMax
            ? { kind: 'refused', refusal: { code: 'too_large', message: 'too large' } }
            : { kind: 'saved', bytes: tar.byteLength };
        return { end: Promise.resolve(end), [Symbol.asyncIterator]: () => [tar][Symbol.iterator]() };
      },
      restore: async (tar: AsyncIterable<Buffer>) => {
        const pieces: Buffer[] = [];
        for await (const piece of tar) pieces.push(piece);
        box().text = Buffer.concat(pieces).toString();
        return { kind: 'restored' };
      },
    };
    return { id: 'c1', link } as unknown as Slot;
  }
}

const record = (): SessionRecord | undefined => records.get(sessionKey(of.tenant, of.session))?.record;

beforeEach(() => {
  nowMs = 1;
  records = new Map<string, HeldRecord>();
  blobs = new Map<string, Buffer>();
  workers = new Map<string, Machine>();
  meanwhile = [];
});

describe('a session', () => {
  it('is fresh at first, and live at its worker from then on', async () => {
    const one = new Machine('w');
    expect(await one.call('a')).toEqual(['fresh', '']);
    expect(await one.call('b')).toEqual(['live', 'a']);
  });

  it('is handed over with its files, of which one blob is kept', async () => {
    const [one, two] = [new Machine('w'), new Machine('ww')];
    await one.call('a');
    expect(await two.call('b')).toEqual(['files-restored', 'a']);
    expect(one.parked.size).toBe(0);
    expect(await one.call('c')).toEqual(['files-restored', 'b']);
    expect(blobs.size).toBe(1);
    expect(record()?.live?.worker).toBe('w');
  });

  it('waits for a call that still runs elsewhere, and then goes on with what was saved', async () => {
    const [one, two] = [new Machine('w'), new Machine('ww')];
    await one.call('a');
    await one.evict(of.tenant, of.session);
    await one.call('b');
    one.isBusy = true;
    expect(await two.call('c')).toEqual(['files-restored', 'a']);
    one.isBusy = false;
    // What the first worker has left is not used again.
    expect(await one.call('d')).toEqual(['files-restored', 'c']);
  });

  it('of a worker that died has the files that were saved, or none', async () => {
    const [one, two] = [new Machine('w'), new Machine('ww')];
    await one.call('a');
    workers.delete('w');
    expect(await two.call('b')).toEqual(['fresh', '']);
    await two.evict(of.tenant, of.session);
    await two.call('c');
    workers.delete('ww');
    expect(await new Machine('www').call('d')).toEqual(['files-restored', 'b']);
  });

  it('that was closed is another one, also where its container still stands', async () => {
    const one = new Machine('w');
    await one.call('a');
    records.clear();
    nowMs = 2;
    expect(await one.call('b')).toEqual(['fresh', '']);
  });

  it('that was closed is not saved into the one that came after it', async () => {
    const [one, two] = [new Machine('w'), new Machine('ww')];
    await one.call('a');
    records.clear();
    nowMs = 2;
    await two.call('b');
    await one.evict(of.tenant, of.session);
    expect(record()).toMatchObject({ live: { worker: 'ww' }, saved: null });
    expect(blobs.size).toBe(0);
  });

  it('is not saved into another one of its name that its worker has by now', async () => {
    const one = new Machine('w');
    await one.call('a');
    const before = record();
    if (before === undefined) throw new Error('no record');
    records.set(sessionKey(of.tenant, of.session), {
      record: { ...before, incarnation: 'another one' },
      revision: 9,
    });
    await one.evict(of.tenant, of.session);
    expect(record()).toMatchObject({ incarnation: 'another one', saved: null });
    expect(blobs.size).toBe(0);
  });

  it('whose call runs when it is closed is not kept', async () => {
    const one = new Machine('w');
    const visit = await one.desk.enter(of, never);
    if (visit === undefined) throw new Error('aborted');
    expect(one.desk.mayKeep(of, visit)).toBe(true);
    one.isBusy = true;
    expect(await one.desk.answer({ v: 1, kind: 'close', ...of })).toMatchObject({ kind: 'busy' });
    expect(one.desk.mayKeep(of, visit)).toBe(false);
  });

  it('that two take at once is one’s', async () => {
    const [one, two] = [new Machine('w'), new Machine('ww')];
    meanwhile.push(() => {
      const live = { worker: 'ww' as WorkerId, boot: '00000000-0000-4000-8000-000000000002' as BootId };
      const base = { v: 1 as const, ...of, openedAtMs: 1, usedAtMs: 1 };
      const other = { ...base, incarnation: 'of the other', live, saved: null };
      records.set(sessionKey(of.tenant, of.session), { record: other, revision: 7 });
    });
    expect(await one.call('a')).toEqual(['fresh', '']);
    expect(record()).toMatchObject({ incarnation: 'of the other', live: { worker: 'w' } });
    expect(two.parked.size).toBe(0);
  });

  it('with more than may be saved is fresh afterwards, not as it was long ago', async () => {
    const one = new Machine('w');
    await one.call('a');
    await one.evict(of.tenant, of.session);
    await one.call('x'.repeat(101));
    await one.evict(of.tenant, of.session);
    expect(record()?.saved).toBeNull();
    expect(blobs.size).toBe(0);
    expect(await one.call('b')).toEqual(['fresh', '']);
  });

  it('whose files are gone is fresh', async () => {
    const one = new Machine('w');
    await one.call('a');
    await one.evict(of.tenant, of.session);
    blobs.clear();
    expect(await one.call('b')).toEqual(['fresh', '']);
  });
});
