/**
 * The work of one class. Finds who is first there, and takes what may not run out of the way on the way to it.
 *
 * C1  What is found blocked leaves its heap, and comes back when what blocked it ends: each is looked at once for each time
 *     it is blocked, so nothing ever scans past blocked work.
 */
import type { Flow } from './flow.js';
import { IndexedHeap } from './indexed-heap.js';
import { Group, Shelf, type Lane, type PauseCause, type Rolls } from './lane.js';
import type { Shape, Supplies } from './supply.js';
import { DAY_MS } from './tenant.js';
import type { Timers } from './timers.js';

export class ClassQueue {
  readonly rank: number;
  pausedBy: PauseCause | null = null;
  private readonly supplies: Supplies;
  private readonly timers: Timers;
  private readonly rolls: Rolls;
  private readonly shelves: IndexedHeap<Shelf>;
  private readonly byShape: (Shelf | undefined)[] = [];

  constructor(rank: number, supplies: Supplies, timers: Timers, rolls: Rolls) {
    this.rolls = rolls;
    this.shelves = new IndexedHeap(rolls.shelves);
    this.rank = rank;
    this.supplies = supplies;
    this.timers = timers;
  }

  groupOf(lane: Lane): Group {
    return (lane.groups[this.rank] ??= new Group(
      this.rank,
      lane,
      this.shelfOf(lane.supply.shape),
      this.rolls,
    ));
  }

  /** The flow whose first job may run now and whose tenant's account is the smallest; null when there is none (C1). */
  head(nowMs: number): Flow | null {
    if (this.pausedBy !== null) return null;
    const { accounts, flows } = this.rolls;
    for (;;) {
      const shelf = this.shelves.top;
      const group = shelf?.groups.top;
      if (!shelf || !group) return null;
      const tag = accounts.tag(flows.account(group.flows.topSlot));
      if (!this.supplies.hasRoom(shelf.shape)) shelf.stop();
      else if (!group.lane.tool.isOpen) group.stop();
      else if (group.flows.topFirst !== tag) group.delayFirst(tag);
      else {
        const flow = group.flows.top;
        const job = flow?.head;
        if (!flow || !job) throw new Error('a flow without jobs was still in line');
        const { tenant } = flow;
        const block = tenant.blockOf(flow.meter, job, nowMs);
        if (block === null) return flow;
        group.remove(flow);
        flow.blocked = block;
        if (block === 'rate' && tenant.bucket !== null)
          this.timers.set(tenant, tenant.bucket.readyAtMs(nowMs));
        if (block === 'compute') this.timers.set(tenant, (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS);
      }
    }
  }

  private shelfOf(shape: Shape): Shelf {
    return (this.byShape[shape.index] ??= new Shelf(shape, this.shelves, this.rolls));
  }
}
