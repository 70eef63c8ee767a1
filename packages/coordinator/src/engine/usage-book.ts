/**
 * What tenants use beside what runs and waits: compute time of the day, bytes that are kept, open sessions. Follows the fold,
 * on standbys too.
 *
 * G1  Payloads count from acceptance to the job's end; outcomes from there until they are no longer kept, by spans of a
 *     24th of that time.
 * G2  What the fold cannot say once the ledger is purged, compute time and kept outcomes, is noted by whoever leads: a page of
 *     tenants with the ledger sequence up to which it holds. An event counts here only if its page does not hold it yet.
 * G3  Only tenants that have such a quota are noted. The ledger is kept from the oldest note on.
 */
import type { FilesRecord, JobState, Outcome, TenantId } from '@zerofleet/model';
import type { UsagePage } from '@zerofleet/protocol';
import { DAY_MS } from '@zerofleet/scheduler';
import type { JobRecord } from './job-record.js';

/** Pages that tenants are spread over: one is written when one of its tenants has used something. */
export const USAGE_PAGES = 64;
/** Spans that the time for which outcomes are kept is cut into. */
const SPANS = 24;
/** What an outcome takes beside output and result, in bytes. */
export const OUTCOME_HEAD_BYTES = 1_024;

interface Account {
  day: number;
  usedMs: number;
  payloadBytes: number;
  keptBytes: number;
  /** Kept bytes by span. */
  readonly spans: Map<number, number>;
  /** Live jobs by session; null until there was one. */
  sessions: Map<string, number> | null;
}

export class UsageBook {
  private readonly accounts = new Map<TenantId, Account>();
  private readonly spanMs: number;
  /** Ledger sequence up to which each page was noted when this fold began (G2). */
  private readonly notedTo: number[] = Array.from({ length: USAGE_PAGES }, () => 0);
  private readonly dirty = new Set<number>();
  private expiredTo = -Infinity;

  /** `keptMs`: how long outcomes are kept. */
  constructor(keptMs: number) {
    this.spanMs = Math.max(Math.ceil(keptMs / SPANS), 1);
  }

  /** Takes in what was noted, before any event. */
  seed(pages: readonly UsagePage[]): void {
    for (const { page, seq, day, spanMs, tenants } of pages) {
      if (page >= USAGE_PAGES) continue;
      this.notedTo[page] = seq;
      for (const { tenant, usedMs, kept } of tenants) {
        const account = this.accountOf(tenant);
        account.day = day;
        account.usedMs = usedMs;
        for (const [span, bytes] of kept)
          this.keep(account, Math.floor((span * spanMs) / this.spanMs), bytes);
      }
    }
  }

  /** A job is new (`before` is null), or its state changed, by the ledger's message `seq`. */
  changed(record: JobRecord, before: JobState | null, seq: number, atMs: number, ranMs: number | null): void {
    const { tenant } = record.template;
    const { state } = record;
    if (before === null && state.kind !== 'finished') this.enter(record);
    const page = pageOf(tenant);
    const counts = seq > (this.notedTo[page] ?? 0);
    if (ranMs !== null && counts) this.use(this.accountOf(tenant), page, ranMs, atMs);
    if (state.kind !== 'finished' || before?.kind === 'finished') return;
    if (before !== null) this.leave(record);
    if (!counts) return;
    this.keep(this.accountOf(tenant), Math.floor(atMs / this.spanMs), bytesOf(state.outcome));
    this.dirty.add(page);
  }

  /** Compute time that the tenant used on the day of `atMs`, in ms. */
  usedMs(tenant: TenantId, atMs: number): number {
    const account = this.accounts.get(tenant);
    return account?.day === dayOf(atMs) ? account.usedMs : 0;
  }

  storedBytes(tenant: TenantId): number {
    const account = this.accounts.get(tenant);
    return account === undefined ? 0 : account.payloadBytes + account.keptBytes;
  }

  sessions(tenant: TenantId): number {
    return this.accounts.get(tenant)?.sessions?.size ?? 0;
  }

  hasSession(tenant: TenantId, session: string): boolean {
    return this.accounts.get(tenant)?.sessions?.has(session) ?? false;
  }

  /** Tenants of which anything is known. */
  tenants(): Iterable<TenantId> {
    return this.accounts.keys();
  }

  /** When the oldest outcome of the tenant goes, Unix ms; Infinity when none is kept. */
  nextFreeAtMs(tenant: TenantId): number {
    const spans = this.accounts.get(tenant)?.spans;
    if (spans === undefined || spans.size === 0) return Infinity;
    return (Math.min(...spans.keys()) + SPANS + 1) * this.spanMs;
  }

  /** Forgets outcomes that are kept no longer, and who has nothing left; true when anything went. */
  expire(wallMs: number): boolean {
    const oldest = Math.floor(wallMs / this.spanMs) - SPANS;
    if (oldest <= this.expiredTo) return false;
    this.expiredTo = oldest;
    for (const [tenant, account] of this.accounts) {
      for (const [span, bytes] of account.spans)
        if (span < oldest) {
          account.spans.delete(span);
          account.keptBytes -= bytes;
          this.dirty.add(pageOf(tenant));
        }
      const isIdle =
        account.payloadBytes === 0 && (account.sessions?.size ?? 0) === 0 && account.spans.size === 0;
      if (isIdle && account.day < dayOf(wallMs)) this.accounts.delete(tenant);
    }
    return true;
  }

  /** Every page that has changed since it was taken last (`all`: every one), with the tenants that `isLimited`, as of `seq`. */
  takePages(
    seq: number,
    wallMs: number,
    all: boolean,
    isLimited: (tenant: TenantId) => boolean,
  ): UsagePage[] {
    const day = dayOf(wallMs);
    const pages = new Map<number, UsagePage['tenants'][number][]>();
    const wanted = all ? [...this.notedTo.keys()] : [...this.dirty];
    for (const page of wanted) pages.set(page, []);
    for (const [tenant, account] of this.accounts) {
      const tenants = pages.get(pageOf(tenant));
      if (tenants === undefined || !isLimited(tenant)) continue;
      const usedMs = account.day === day ? account.usedMs : 0;
      if (usedMs > 0 || account.spans.size > 0) tenants.push({ tenant, usedMs, kept: [...account.spans] });
    }
    this.dirty.clear();
    return [...pages].map(([page, tenants]) => ({ v: 1, page, seq, day, spanMs: this.spanMs, tenants }));
  }

  /** What was taken could not be written: it is taken again. */
  untake(page: number): void {
    this.dirty.add(page);
  }

  private enter(record: JobRecord): void {
    const account = this.accountOf(record.template.tenant);
    account.payloadBytes += payloadBytesOf(record);
    const { session } = record.extras ?? {};
    if (session === undefined) return;
    account.sessions ??= new Map();
    account.sessions.set(session, (account.sessions.get(session) ?? 0) + 1);
  }

  private leave(record: JobRecord): void {
    const account = this.accountOf(record.template.tenant);
    account.payloadBytes -= payloadBytesOf(record);
    const { session } = record.extras ?? {};
    if (session === undefined) return;
    const left = (account.sessions?.get(session) ?? 0) - 1;
    if (left > 0) account.sessions?.set(session, left);
    else account.sessions?.delete(session);
  }

  private use(account: Account, page: number, ranMs: number, atMs: number): void {
    const day = dayOf(atMs);
    if (day > account.day) {
      account.day = day;
      account.usedMs = 0;
    }
    if (day === account.day) account.usedMs += ranMs;
    this.dirty.add(page);
  }

  private keep(account: Account, span: number, bytes: number): void {
    account.spans.set(span, (account.spans.get(span) ?? 0) + bytes);
    account.keptBytes += bytes;
  }

  private accountOf(tenant: TenantId): Account {
    const known = this.accounts.get(tenant);
    if (known !== undefined) return known;
    const account: Account = {
      day: 0,
      usedMs: 0,
      payloadBytes: 0,
      keptBytes: 0,
      spans: new Map(),
      sessions: null,
    };
    this.accounts.set(tenant, account);
    return account;
  }
}

const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS);

/** The page of a tenant: FNV-1a of its name. */
const pageOf = (tenant: TenantId): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < tenant.length; at += 1)
    hash = Math.imul(hash ^ tenant.charCodeAt(at), 0x01000193) >>> 0;
  return hash % USAGE_PAGES;
};

/** Bytes of a job's payload; a payload in a blob is never spilled, so its size is always at hand. */
const payloadBytesOf = ({ payload, payloadBytes }: JobRecord): number =>
  payload?.kind === 'blob' ? payload.blob.bytes : payloadBytes;

/** What is kept of an outcome, in bytes. */
const bytesOf = ({ report }: Outcome): number => {
  if (report === null) return OUTCOME_HEAD_BYTES;
  const result = report.value === null ? 0 : JSON.stringify(report.value).length;
  return OUTCOME_HEAD_BYTES + report.output.bytes + result + filesBytesOf(report.files);
};

/** Each job's files count, though equal ones are stored once. */
const filesBytesOf = (files: FilesRecord | undefined): number => {
  if (files === undefined) return 0;
  const list = files.kind === 'blob' ? files.blob.bytes : JSON.stringify(files).length;
  return files.bytes + list;
};
