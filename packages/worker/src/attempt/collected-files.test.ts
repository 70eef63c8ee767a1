import { COLLECT_SKIPPED_MAX, INLINE_FILES_BYTES_MAX, type BlobRef, type FileList } from '@zerofleet/model';
import type { FilePiece } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { CollectedFiles, LATE_MS } from './collected-files.js';
import { FULL, MemoryIntake } from './memory-intake.test.helper.js';

/** A clock whose one timer a test fires. */
class OneTimer implements Clock {
  delayMs = 0;
  fire: () => void = () => undefined;
  nowMs = (): number => 0;
  wallMs = (): number => 0;

  after(delayMs: number, fire: () => void): () => void {
    this.delayMs = delayMs;
    this.fire = fire;
    return () => undefined;
  }
}

const PIECE = 256 * 1024;
const piece = (path: string, data: string | Buffer, last = true, dropped = false): FilePiece => ({
  path,
  data: Buffer.from(data),
  last,
  dropped,
});
const said = (
  more: object = {},
): {
  count: number;
  bytes: number;
  skipped: { path: string; why: string }[];
  skippedMore: number;
  truncated: boolean;
} => ({
  ...{ count: 0, bytes: 0, skipped: [], skippedMore: 0, truncated: false },
  ...more,
});

let intake: MemoryIntake;
let clock: OneTimer;
let files: CollectedFiles;
let kept: Uint8Array[];
beforeEach(() => {
  intake = new MemoryIntake();
  clock = new OneTimer();
  files = new CollectedFiles(intake, clock);
  kept = [];
});
const keep = (bytes: Uint8Array): Promise<BlobRef> => {
  kept.push(bytes);
  return Promise.resolve({ sha256: 'f'.repeat(64), bytes: bytes.byteLength });
};
const isOpen = async (promise: Promise<unknown>): Promise<boolean> =>
  (await Promise.race([
    promise.then(() => false),
    new Promise<true>((resolve) => setImmediate(resolve, true)),
  ])) === true;

describe('collected files', () => {
  it('are stored, small ones whole and others piece by piece, and listed in the order they came', async () => {
    await files.take(piece('a.txt', 'small'));
    await files.take(piece('dir/b', Buffer.alloc(PIECE, 'x'), false));
    await files.take(piece('dir/b', 'end'));
    await files.take(piece('empty', ''));
    const record = await files.finish(said({ count: 3, skipped: [{ path: 'l', why: 'symlink' }] }), keep);
    if (record.kind !== 'inline') throw new Error('it is short');
    expect(record).toMatchObject({ count: 3, bytes: 5 + PIECE + 3, truncated: false, skippedMore: 0 });
    expect(record.files.map(({ path, blob }) => [path, blob.bytes])).toEqual([
      ['a.txt', 5],
      ['dir/b', PIECE + 3],
      ['empty', 0],
    ]);
    expect(record.skipped).toEqual([{ path: 'l', why: 'symlink' }]);
    expect(intake.begun).toBe(1);
    expect(intake.text(record.files[0]?.blob as BlobRef)).toBe('small');
    expect(intake.text(record.files[1]?.blob as BlobRef)).toBe(`${'x'.repeat(PIECE)}end`);
    expect(clock.delayMs).toBe(LATE_MS);
  });

  it('are none where the runner found none, and not all where it said nothing', async () => {
    expect(await files.finish(said(), keep)).toEqual({
      ...{ kind: 'inline', count: 0, bytes: 0, truncated: false },
      ...{ files: [], skipped: [], skippedMore: 0 },
    });
    const other = new CollectedFiles(intake, clock);
    await other.take(piece('whole', 'whole'));
    await other.take(piece('half', 'ha', false));
    const record = await other.finish(undefined, keep);
    expect(record).toMatchObject({ truncated: true, count: 1, skipped: [{ path: 'half', why: 'cut_off' }] });
    expect(intake.abandoned).toBe(1);
  });

  it('wait no more than a mebibyte here, however slow the store is', async () => {
    let open: (value?: unknown) => void = () => undefined;
    intake.gate = new Promise((resolve) => (open = resolve));
    let taken = 0;
    const bringing = (async () => {
      for (; taken < 20; taken += 1) await files.take(piece('big', Buffer.alloc(PIECE), taken === 19));
    })();
    expect(await isOpen(bringing)).toBe(true);
    expect(taken).toBe(3);
    open();
    await bringing;
    expect(await files.finish(said(), keep)).toMatchObject({ count: 1, bytes: 20 * PIECE });
    expect(intake.waitingMax).toBeLessThanOrEqual(4 * PIECE);
  });

  it('wait no more than sixteen at once', async () => {
    let open: (value?: unknown) => void = () => undefined;
    intake.gate = new Promise((resolve) => (open = resolve));
    let taken = 0;
    const bringing = (async () => {
      for (; taken < 100; taken += 1) await files.take(piece(`f${taken}`, 'x'));
    })();
    expect(await isOpen(bringing)).toBe(true);
    expect(taken).toBe(15);
    open();
    await bringing;
    expect(await files.finish(said(), keep)).toMatchObject({ count: 100 });
  });

  it.each([
    ['full', FULL, 'store_full'],
    ['broken', new Error('no answer'), 'not_stored'],
  ])('are skipped when the store is %s, and nothing else', async (_what, failure, why) => {
    await files.take(piece('before', 'b'));
    await new Promise(setImmediate);
    intake.failure = failure;
    await files.take(piece('small', 's'));
    await files.take(piece('big', 'b', false));
    await files.take(piece('big', 'b'));
    const record = await files.finish(said(), keep);
    expect(record).toMatchObject({
      count: 1,
      skipped: [
        { path: 'small', why },
        { path: 'big', why },
      ],
    });
    expect(intake.abandoned).toBeGreaterThan(0);
  });

  it('that the runner threw away are in its own list alone', async () => {
    await files.take(piece('torn', 'half', false));
    await files.take(piece('torn', '', true, true));
    const skipped = [{ path: 'torn', why: 'changed' }];
    expect(await files.finish(said({ skipped }), keep)).toMatchObject({ count: 0, files: [], skipped });
    expect(intake.abandoned).toBe(1);
    const other = new CollectedFiles(intake, clock);
    await other.take(piece('torn', '', true, true));
    const alone = [{ path: 'torn', why: 'unreadable' }];
    expect(await other.finish(said({ truncated: true }), keep)).toMatchObject({ files: [], skipped: alone });
  });

  it('that are not stored in time are skipped, and hold up nobody', async () => {
    intake.gate = new Promise(() => undefined);
    await files.take(piece('stuck', 's'));
    const waits = (async () => {
      for (let n = 0; n < 8; n += 1) await files.take(piece('slow', Buffer.alloc(PIECE), n === 7));
    })();
    expect(await isOpen(waits)).toBe(true);
    clock.fire();
    await waits;
    await files.take(piece('after', 'a'));
    const record = await files.finish(said(), keep);
    expect(record).toMatchObject({
      count: 0,
      skipped: ['stuck', 'slow', 'after'].map((path) => ({ path, why: 'too_late' })),
    });
  });

  it('are waited for at the end until it is late', async () => {
    intake.gate = new Promise(() => undefined);
    await files.take(piece('stuck', 's'));
    const end = files.finish(said(), keep);
    expect(await isOpen(end)).toBe(true);
    clock.fire();
    expect(await end).toMatchObject({ count: 0, skipped: [{ path: 'stuck', why: 'too_late' }] });
  });

  it('make a list that goes to a blob when it is long', async () => {
    const path = (n: number): string => `${'folder/'.repeat(10)}${n}`;
    for (let n = 0; n < 100; n += 1) await files.take(piece(path(n), `${n}`));
    const record = await files.finish(said(), keep);
    expect(record).toMatchObject({ kind: 'blob', count: 100, bytes: 190 });
    expect(kept).toHaveLength(1);
    expect(kept[0]?.byteLength).toBeGreaterThan(INLINE_FILES_BYTES_MAX);
    const list = JSON.parse(Buffer.from(kept[0] ?? []).toString()) as FileList;
    expect(list.files.map((file) => file.path)).toEqual(Array.from({ length: 100 }, (_, n) => path(n)));
  });

  it('list so many that were skipped, and count the rest', async () => {
    intake.failure = FULL;
    const skipped = Array.from({ length: COLLECT_SKIPPED_MAX }, (_, n) => ({
      path: `s${n}`,
      why: 'symlink',
    }));
    for (let n = 0; n < 3; n += 1) await files.take(piece(`f${n}`, 'x'));
    const record = await files.finish(said({ skipped, skippedMore: 7, truncated: true }), keep);
    expect(record).toMatchObject({ kind: 'inline', truncated: true, skippedMore: 10, skipped });
  });
});
