/**
 * Which workers and boots are heard.
 *
 * H1  The first call of a new boot ends all older ones of its worker for good.
 * H2  What is remembered of callers is bounded, whatever names they give themselves.
 */
import type { Owner } from './create-body.js';
import { Refusal } from './refusal.js';

/** Workers of one broker where its config names none. */
const WORKERS_MAX = 64;
/** Replaced boots that are remembered, so that a late call of one is not heard. */
const DEAD_BOOTS_MAX = 10_000;

export class Callers {
  private readonly served: ReadonlySet<string>;
  private readonly newestBoot = new Map<string, string>();
  private readonly deadBoots = new Set<string>();

  /** `served`: the workers that may call; none means any. */
  constructor(served: readonly string[]) {
    this.served = new Set(served);
  }

  /** Whether this call is the first of its boot. Throws Refusal when it is not heard. */
  admit({ worker, boot }: Owner): boolean {
    if (this.deadBoots.has(`${worker} ${boot}`))
      throw new Refusal('boot_replaced', 'this boot was replaced by a newer one');
    const known = this.newestBoot.get(worker);
    if (known === boot) return false;
    const isServed = this.served.size === 0 ? known !== undefined || this.hasPlace : this.served.has(worker);
    if (!isServed) throw new Refusal('worker_not_served', 'this broker is there for other workers');
    this.newestBoot.set(worker, boot);
    if (known !== undefined) this.bury(`${worker} ${known}`);
    return true;
  }

  private get hasPlace(): boolean {
    return this.newestBoot.size < WORKERS_MAX;
  }

  private bury(boot: string): void {
    this.deadBoots.add(boot);
    const [oldest] = this.deadBoots;
    if (this.deadBoots.size > DEAD_BOOTS_MAX && oldest !== undefined) this.deadBoots.delete(oldest);
  }
}
