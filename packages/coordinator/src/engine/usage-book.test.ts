import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  BootId,
  JobEvent,
  JobId,
  JobState,
  Outcome,
  TenantId,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import { QUEUED, transitionJob } from '@zerofleet/model';
import type { UsagePage } from '@zerofleet/protocol';
import { JobRecord } from './job-record.js';
import { ranMs } from './job-queue.js';
import { OUTCOME_HEAD_BYTES, UsageBook } from './usage-book.js';

const KEPT_MS = 24_000;
const NOW_MS = 1_700_000_000_000;
const TENANTS = ['a', 'b', 'c'] as TenantId[];
const need = { room: { cpuMilli: 1, memoryMiB: 1 }, poolKey: 'p', mode: 'warm', outcomeBytesMax: 0 } as const;
const done = (value: string, bytes: number): Outcome => ({
  kind: 'succeeded',
  report: {
    value,
    exitCode: 0,
    usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 },
    output: { kind: 'inline', bytes, truncated: false, chunks: [] },
  },
});

const newRecord = (n: number, tenant: TenantId, bytes: number, session?: string): JobRecord => {
  const template = {
    ...{ tenant, tool: 'echo' as ToolName, toolVersion: 1, class: 'normal' as const },
    decision: { release: 'r', adapter: 'native', mode: 'warm', revision: 0, reason: '' } as const,
  };
  const payload = { kind: 'inline', bytes, payload: { arguments: {}, files: [] } } as const;
  const job = {
    ...{ id: `j${n}` as JobId, template, timeoutMs: 1, maxAttempts: 1, acceptedAtMs: 0, payload },
    extras: session === undefined ? null : { session },
  };
  return new JobRecord(job, template, 1, QUEUED, need);
};

/** A step of a history, as the fold would tell it. */
interface Told {
  readonly record: JobRecord;
  readonly before: JobState | null;
  readonly after: JobState;
  readonly seq: number;
  readonly atMs: number;
}

const tell = (book: UsageBook, { record, before, after, seq, atMs }: Told): void => {
  record.state = after;
  book.changed(record, before, seq, atMs, ranMs(before, after, atMs));
};

const pictureOf = (book: UsageBook, atMs: number): unknown =>
  TENANTS.map((tenant) => [book.usedMs(tenant, atMs), book.storedBytes(tenant), book.sessions(tenant)]);

/** A history of `count` steps over jobs that come, start and end. */
const historyOf = (draws: readonly number[]): Told[] => {
  const told: Told[] = [];
  const live: { record: JobRecord; state: JobState }[] = [];
  draws.forEach((draw, n) => {
    const [seq, atMs] = [1 + Math.floor(n / 2), NOW_MS + 37 * n];
    const one = live[draw % Math.max(live.length, 1)];
    if (one === undefined || draw % 3 === 0) {
      const session = draw % 2 === 0 ? `s${draw % 5}` : undefined;
      const record = newRecord(n, TENANTS[draw % 3] ?? TENANTS[0]!, draw % 100, session);
      live.push({ record, state: QUEUED });
      told.push({ record, before: null, after: QUEUED, seq, atMs });
      return;
    }
    const assignment = { attempt: 1, epoch: 1, worker: 'w' as WorkerId, boot: 'b' as BootId };
    const event: JobEvent =
      one.state.kind === 'queued'
        ? { kind: 'started', assignment: { ...assignment, attempt: one.state.attemptsStarted + 1 }, atMs }
        : { kind: 'finished', attempt: 1, outcome: done('x'.repeat(draw % 9), draw % 50), atMs };
    const after = transitionJob(one.state, event);
    told.push({ record: one.record, before: one.state, after, seq, atMs });
    one.state = after;
    if (after.kind === 'finished') live.splice(live.indexOf(one), 1);
  });
  return told;
};

describe('the usage book', () => {
  it('counts payloads while jobs live, outcomes while they are kept, compute time of the day, open sessions', () => {
    const book = new UsageBook(KEPT_MS);
    const record = newRecord(1, TENANTS[0]!, 100, 's');
    const state = transitionJob(QUEUED, {
      ...{ kind: 'started', atMs: NOW_MS },
      assignment: { attempt: 1, epoch: 1, worker: 'w' as WorkerId, boot: 'b' as BootId },
    });
    tell(book, { record, before: null, after: QUEUED, seq: 1, atMs: NOW_MS });
    expect(pictureOf(book, NOW_MS)).toMatchObject([
      [0, 100, 1],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    const end = transitionJob(state, {
      kind: 'finished',
      attempt: 1,
      outcome: done('abc', 7),
      atMs: NOW_MS + 500,
    });
    tell(book, { record, before: state, after: end, seq: 2, atMs: NOW_MS + 500 });
    expect(book.storedBytes(TENANTS[0]!)).toBe(OUTCOME_HEAD_BYTES + 7 + '"abc"'.length);
    expect(book.usedMs(TENANTS[0]!, NOW_MS)).toBe(500);
    expect(book.sessions(TENANTS[0]!)).toBe(0);
    expect(book.usedMs(TENANTS[0]!, NOW_MS + 86_400_000)).toBe(0);
    const freeAtMs = book.nextFreeAtMs(TENANTS[0]!);
    expect(freeAtMs).toBeGreaterThan(NOW_MS + KEPT_MS);
    book.expire(freeAtMs - 1_001);
    expect(book.storedBytes(TENANTS[0]!)).toBeGreaterThan(0);
    book.expire(freeAtMs);
    expect(book.storedBytes(TENANTS[0]!)).toBe(0);
  });

  it('counts the files that an outcome keeps, and their list', () => {
    const blob = { sha256: 'a'.repeat(64), bytes: 3_000 };
    const list = { files: [{ path: 'a', blob: { ...blob, bytes: 500 } }], skipped: [], skippedMore: 0 };
    const head = { count: 1, bytes: 500, truncated: false };
    const plain = done('', 0);
    const stored = (
      [
        { ...head, kind: 'blob', blob },
        { ...head, kind: 'inline', ...list },
      ] as const
    ).map((files) => {
      const book = new UsageBook(KEPT_MS);
      const record = newRecord(1, TENANTS[0]!, 100);
      const outcome = { ...plain, report: { ...plain.report, files } } as Outcome;
      const after = transitionJob(QUEUED, { kind: 'finished', attempt: 0, outcome, atMs: NOW_MS });
      tell(book, { record, before: null, after, seq: 1, atMs: NOW_MS });
      return book.storedBytes(TENANTS[0]!) - OUTCOME_HEAD_BYTES - '""'.length;
    });
    expect(stored[0]).toBe(3_500);
    expect(stored[1]).toBeGreaterThan(500 + 100);
    expect(stored[1]).toBeLessThan(500 + 300);
  });

  it('is the same from notes and what came after them as from the whole ledger', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { minLength: 20, maxLength: 200 }),
        fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }),
        (draws, cuts) => {
          const history = historyOf(draws);
          const whole = new UsageBook(KEPT_MS);
          const pages = new Map<number, UsagePage>();
          const lastSeq = history.at(-1)?.seq ?? 0;
          const noteAt = new Set(cuts.map((cut) => Math.floor((cut / 100) * lastSeq)));
          let isFirst = true;
          history.forEach((one, n) => {
            tell(whole, one);
            const isLastOfSeq = history[n + 1]?.seq !== one.seq;
            if (!isLastOfSeq || !noteAt.has(one.seq)) return;
            for (const page of whole.takePages(one.seq, one.atMs, isFirst, () => true))
              pages.set(page.page, page);
            isFirst = false;
          });
          const endMs = NOW_MS + 37 * draws.length;
          const read = new UsageBook(KEPT_MS);
          read.seed([...pages.values()]);
          // Also where the ledger still holds what the notes hold already.
          for (const one of history) tell(read, one);
          expect(pictureOf(read, endMs)).toEqual(pictureOf(whole, endMs));
        },
      ),
      { numRuns: 200 },
    );
  });
});
