/**
 * Where work waits: a class holds shelves, a shelf groups, a group the flows of tenants. What stops many jobs for one reason
 * stops one node, and nothing below it is looked at.
 *
 * L1  A shelf is in the heap of its class while it has groups there and its shape was not found without room.
 * L2  A group is in the heap of its shelf while it has flows there and its tool is neither paused nor at its limit.
 * L3  Each node stands with the keys of the first node below it: the account of a tenant and the turn of its job.
 */
import type { ToolName } from '@zerofleet/model';
import { Accounts } from './accounts.js';
import { Flows, type Flow } from './flow.js';
import { IndexedHeap } from './indexed-heap.js';
import { Meter, Meters } from './meter.js';
import { Pace } from './pace.js';
import type { Need } from './placement.js';
import { Roll } from './roll.js';
import type { Shape, Supplies, Supply } from './supply.js';

/** Why something was stopped from outside. */
export type PauseCause = 'paused' | 'rollout';

/** The numbers of all that stands in heaps. */
export class Rolls {
  readonly shelves = new Roll<Shelf>();
  readonly groups = new Roll<Group>();
  readonly flows = new Flows();
  readonly accounts = new Accounts();
  readonly meters = new Meters();
}

export class Tool {
  readonly name: ToolName;
  /** Of all tenants. */
  readonly all: Meter;
  private readonly lanes = new Map<Supply, Lane>();
  private lastNeed: Need | null = null;
  private lastLane: Lane | null = null;
  running = 0;
  runningMax = Infinity;
  pausedBy: PauseCause | null = null;
  /** Groups that were taken from their shelves because the tool stands still. */
  readonly waiting: Group[] = [];

  constructor(name: ToolName, meters: Meters) {
    this.name = name;
    this.all = new Meter(this, meters);
  }

  get isOpen(): boolean {
    return this.pausedBy === null && this.running < this.runningMax;
  }

  /** The lane of what a job needs; most jobs of a tool bring the same object. */
  laneOf(need: Need, supplies: Supplies): Lane {
    if (need === this.lastNeed && this.lastLane !== null) return this.lastLane;
    const supply = supplies.of(need);
    const lane = this.lanes.get(supply) ?? new Lane(this, supply);
    this.lanes.set(supply, lane);
    this.lastNeed = need;
    this.lastLane = lane;
    return lane;
  }

  /** Brings the groups back that waited, if the tool is open. */
  reopen(): void {
    if (this.waiting.length > 0 && this.isOpen) for (const group of this.waiting.splice(0)) group.resume();
  }
}

/** A tool, what its jobs need, and the containers that may serve them. */
export class Lane {
  readonly tool: Tool;
  readonly supply: Supply;
  /** By rank of the class. */
  readonly groups: (Group | undefined)[] = [];

  constructor(tool: Tool, supply: Supply) {
    this.tool = tool;
    this.supply = supply;
  }
}

/** A lane in one class. */
export class Group {
  readonly slot: number;
  readonly rank: number;
  readonly lane: Lane;
  readonly flows: IndexedHeap<Flow>;
  readonly pace = new Pace();
  private readonly shelf: Shelf;
  /** Stands among the waiting of its tool. */
  private stopped = false;

  constructor(rank: number, lane: Lane, shelf: Shelf, rolls: Rolls) {
    this.slot = rolls.groups.enter(this);
    this.flows = new IndexedHeap(rolls.flows);
    this.rank = rank;
    this.lane = lane;
    this.shelf = shelf;
  }

  /** Puts a flow in, or moves it to where its tenant's account and its first job belong. */
  set(flow: Flow, seq: number): void {
    this.flows.set(flow, flow.tenant.tag, seq);
    this.lift();
  }

  /** The flow's tenant has another account: moves the flow to where that belongs, if it is in line. */
  rekey(flow: Flow): void {
    if (!this.flows.has(flow)) return;
    this.flows.rekey(flow, flow.tenant.tag);
    this.lift();
  }

  remove(flow: Flow): void {
    if (!this.flows.has(flow)) return;
    this.flows.remove(flow);
    this.lift();
  }

  /** The tenant of the first flow has been charged meanwhile: moves it to where its account belongs. */
  delayFirst(tag: number): void {
    this.flows.delayTop(tag);
    this.lift();
  }

  /** Takes the group from its shelf until its tool is open again. */
  stop(): void {
    this.stopped = true;
    this.lane.tool.waiting.push(this);
    this.shelf.groups.remove(this);
    this.shelf.lift();
  }

  resume(): void {
    this.stopped = false;
    this.lift();
  }

  /** Brings the shelf in line with what is first here (L3). */
  private lift(): void {
    if (this.stopped) return;
    const { flows, shelf } = this;
    if (flows.size === 0) shelf.groups.remove(this);
    else shelf.groups.set(this, flows.topFirst, flows.topSecond);
    shelf.lift();
  }
}

/** All that needs room of one shape in one class. */
export class Shelf {
  readonly slot: number;
  readonly shape: Shape;
  readonly groups: IndexedHeap<Group>;
  private readonly shelves: IndexedHeap<Shelf>;
  /** Stands among the waiting of its shape. */
  private stopped = false;

  constructor(shape: Shape, shelves: IndexedHeap<Shelf>, rolls: Rolls) {
    this.slot = rolls.shelves.enter(this);
    this.groups = new IndexedHeap(rolls.groups);
    this.shape = shape;
    this.shelves = shelves;
  }

  /** Takes the shelf from its class until its shape has room again. */
  stop(): void {
    this.stopped = true;
    this.shape.waiting.push(this);
    this.shelves.remove(this);
  }

  resume(): void {
    this.stopped = false;
    this.lift();
  }

  lift(): void {
    if (this.stopped) return;
    const { groups, shelves } = this;
    if (groups.size === 0) shelves.remove(this);
    else shelves.set(this, groups.topFirst, groups.topSecond);
  }
}
