/**
 * Which ledger format a leader writes: the older one until every replica reads the newer.
 *
 * F1  A ledger that was ever written in a format goes on in it at least; an empty one begins with the newest.
 * F2  The format is raised only after SETTLE_MS of a reign in which every replica that was heard reads the newer one: one
 *     that speaks a protocol before this one cannot be heard, but would have taken the reign back by then.
 * F3  Ops may hold the older format for as long as they want to be able to go back.
 */
import { LEDGER_FORMAT, type LedgerFormat } from '@zerofleet/protocol';

/** How long a reign lasts before the format may be raised, in ms. */
export const SETTLE_MS = 30_000;
/** A replica that was not heard for longer is gone, in ms. */
const GONE_AFTER_MS = 10_000;

export class FormatPolicy {
  private readonly hold: LedgerFormat;
  private readonly sinceMs: number;
  private format: LedgerFormat;
  private readonly replicas = new Map<string, { readonly format: number; readonly heardMs: number }>();

  /** `found`: the format of the ledger's last message, undefined for an empty ledger. `hold`: never more than this. */
  constructor(found: LedgerFormat | undefined, hold: LedgerFormat, nowMs: number) {
    this.hold = hold;
    this.sinceMs = nowMs;
    this.format = found ?? hold;
  }

  /** A replica said what it can read. */
  heard(replica: string, format: number, nowMs: number): void {
    this.replicas.set(replica, { format, heardMs: nowMs });
  }

  /** The format to write now. */
  written(nowMs: number): LedgerFormat {
    if (this.format < this.hold && nowMs - this.sinceMs >= SETTLE_MS && this.allRead(nowMs))
      this.format = this.hold;
    return this.format;
  }

  private allRead(nowMs: number): boolean {
    for (const [replica, { format, heardMs }] of this.replicas) {
      if (nowMs - heardMs > GONE_AFTER_MS) this.replicas.delete(replica);
      else if (format < LEDGER_FORMAT) return false;
    }
    return true;
  }
}
