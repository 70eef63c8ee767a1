/** Tenants' accounts of virtual time, side by side: who is next is asked of many, and of most of them nothing else. */
import { Roll, widened } from './roll.js';
import type { Tenant } from './tenant.js';

/** A row: the tag, and the credit (T1, T2 in tenant.ts). */
const TAG = 0;
const CREDIT = 1;
const ROW = 2;

export class Accounts extends Roll<Tenant> {
  private rows = new Float64Array(0);

  override enter(tenant: Tenant): number {
    const slot = super.enter(tenant);
    this.rows = widened(this.rows, ROW * slot + ROW - 1);
    this.rows.fill(0, ROW * slot, ROW * slot + ROW);
    return slot;
  }

  tag(slot: number): number {
    return this.rows[ROW * slot + TAG] as number;
  }

  setTag(slot: number, tag: number): void {
    this.rows[ROW * slot + TAG] = tag;
  }

  credit(slot: number): number {
    return this.rows[ROW * slot + CREDIT] as number;
  }

  setCredit(slot: number, credit: number): void {
    this.rows[ROW * slot + CREDIT] = credit;
  }
}
