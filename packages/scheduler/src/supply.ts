/**
 * Which hosts have room for what, kept as it changes, so that a decision looks at the first of a heap only.
 *
 * H1  A shape (mode and room) holds the hosts that have room for it, the emptiest first; a supply (a shape and a pool key)
 *     those of them with a warm container that nobody claimed.
 * H2  A host that fits is in the heap, with keys no worse than its true ones: what a host loses is noticed when it comes
 *     first, what it gains is entered at once. So what a heap says is missing is missing.
 * H3  A decision takes its room and its warm container here at once; `set` replaces that by what the leader counts.
 */
import { fits, type ExecutionMode, type Room, type WorkerId } from '@zerofleet/model';
import { IndexedHeap } from './indexed-heap.js';
import { Roll } from './roll.js';
import type { Shelf } from './lane.js';
import type { Host, Need } from './placement.js';

/** A host with its whole room, which tells a job that waits for room from one that no host could ever take. */
export interface FleetHost extends Host {
  readonly room: Room;
}

export interface Shape {
  readonly index: number;
  readonly mode: ExecutionMode;
  readonly room: Room;
  readonly hosts: IndexedHeap<Place>;
  /** Hosts that could take it when they are empty. */
  able: number;
  /** Shelves that wait for room. */
  readonly waiting: Shelf[];
}

export interface Supply {
  readonly index: number;
  readonly shape: Shape;
  readonly poolKey: string;
  readonly stock: IndexedHeap<Place>;
}

/** A host's place in one heap. `warm`: containers of the key, in a supply's heap. */
class Place {
  readonly slot: number;
  readonly entry: Entry;
  warm = 0;
  able = false;

  constructor(entry: Entry, roll: Roll<Place>) {
    this.entry = entry;
    this.slot = roll.enter(this);
  }
}

interface Entry {
  readonly worker: WorkerId;
  readonly mode: ExecutionMode;
  cpuMilli: number;
  memoryMiB: number;
  warm: ReadonlyMap<string, number>;
  room: Room;
  /** By index of the shape, and of the supply. */
  readonly places: (Place | undefined)[];
  readonly stocks: (Place | undefined)[];
}

export interface Spot {
  readonly worker: WorkerId;
  readonly warm: boolean;
  /** Where the session of the job ran last. */
  readonly home: boolean;
}

export class Supplies {
  private readonly entries = new Map<WorkerId, Entry>();
  private readonly shapes: Shape[] = [];
  private readonly supplies: Supply[] = [];
  private readonly roll = new Roll<Place>();
  private readonly byName = new Map<string, Supply>();

  /** The supply of what a job needs; one object for equal needs. Throws RangeError for a need without bounds. */
  of(need: Need): Supply {
    const { mode, poolKey, room, outcomeBytesMax } = need;
    // What is set aside is given back: with something endless among it, it never adds up again.
    if (!(outcomeBytesMax >= 0 && Number.isFinite(outcomeBytesMax)))
      throw new RangeError('what an outcome may store must be a number of bytes');
    const name = `${mode} ${room.cpuMilli} ${room.memoryMiB} ${poolKey}`;
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const supply: Supply = {
      index: this.supplies.length,
      shape: this.shapeOf(mode, room),
      poolKey,
      stock: new IndexedHeap(this.roll),
    };
    this.supplies.push(supply);
    this.byName.set(name, supply);
    for (const entry of this.entries.values()) if (entry.mode === mode) this.stockUp(entry, supply);
    return supply;
  }

  /** Takes in a host as it is now. */
  set(host: FleetHost): void {
    const known = this.entries.get(host.worker);
    if (known !== undefined && known.mode !== host.mode) this.remove(host.worker);
    const entry = this.entries.get(host.worker) ?? this.enter(host);
    entry.cpuMilli = host.free.cpuMilli;
    entry.memoryMiB = host.free.memoryMiB;
    entry.warm = host.warm;
    entry.room = host.room;
    for (const shape of this.shapes) if (shape.mode === entry.mode) this.offer(entry, shape);
    for (const supply of this.supplies) if (supply.shape.mode === entry.mode) this.stockUp(entry, supply);
  }

  remove(worker: WorkerId): void {
    const entry = this.entries.get(worker);
    if (entry === undefined) return;
    this.entries.delete(worker);
    for (const shape of this.shapes) {
      const place = entry.places[shape.index];
      if (place === undefined) continue;
      if (place.able) shape.able -= 1;
      shape.hosts.remove(place);
      this.roll.leave(place.slot);
    }
    for (const supply of this.supplies) {
      const place = entry.stocks[supply.index];
      if (place === undefined) continue;
      supply.stock.remove(place);
      this.roll.leave(place.slot);
    }
  }

  /** Whether a host has room of this shape now. */
  hasRoom(shape: Shape): boolean {
    return settled(shape.hosts, shape.room, false) !== undefined;
  }

  /**
   * Takes the best spot: `home` first, where the container of the session is, then a warm container before an emptier host.
   * Undefined when there is no room.
   */
  take(supply: Supply, home?: WorkerId): Spot | undefined {
    const { shape, stock } = supply;
    const known = home === undefined ? undefined : this.entries.get(home);
    if (known?.mode === shape.mode && hasRoomFor(known, shape.room)) {
      occupy(known, shape.room);
      return { worker: known.worker, warm: true, home: true };
    }
    const warm = settled(stock, shape.room, true);
    const place = warm ?? settled(shape.hosts, shape.room, false);
    if (place === undefined) return undefined;
    const { entry } = place;
    occupy(entry, shape.room);
    if (warm !== undefined) warm.warm -= 1;
    return { worker: entry.worker, warm: warm !== undefined, home: false };
  }

  private enter(host: FleetHost): Entry {
    const entry: Entry = {
      worker: host.worker,
      mode: host.mode,
      cpuMilli: 0,
      memoryMiB: 0,
      warm: host.warm,
      room: host.room,
      places: [],
      stocks: [],
    };
    this.entries.set(host.worker, entry);
    return entry;
  }

  private shapeOf(mode: ExecutionMode, { cpuMilli, memoryMiB }: Room): Shape {
    const known = this.shapes.find(
      ({ mode: m, room: r }) => m === mode && r.cpuMilli === cpuMilli && r.memoryMiB === memoryMiB,
    );
    if (known !== undefined) return known;
    const shape: Shape = {
      index: this.shapes.length,
      mode,
      room: { cpuMilli, memoryMiB },
      hosts: new IndexedHeap(this.roll),
      able: 0,
      waiting: [],
    };
    this.shapes.push(shape);
    for (const entry of this.entries.values()) if (entry.mode === mode) this.offer(entry, shape);
    return shape;
  }

  private offer(entry: Entry, shape: Shape): void {
    const place = (entry.places[shape.index] ??= new Place(entry, this.roll));
    const able = fits(shape.room, entry.room);
    if (able !== place.able) {
      place.able = able;
      shape.able += able ? 1 : -1;
    }
    if (!hasRoomFor(entry, shape.room)) return;
    shape.hosts.set(place, -entry.cpuMilli, -entry.memoryMiB);
    if (shape.waiting.length > 0) for (const shelf of shape.waiting.splice(0)) shelf.resume();
  }

  private stockUp(entry: Entry, supply: Supply): void {
    const warm = entry.warm.get(supply.poolKey) ?? 0;
    if (warm === 0 && entry.stocks[supply.index] === undefined) return;
    const place = (entry.stocks[supply.index] ??= new Place(entry, this.roll));
    place.warm = warm;
    if (warm > 0 && hasRoomFor(entry, supply.shape.room))
      supply.stock.set(place, -entry.cpuMilli, -entry.memoryMiB);
  }
}

const hasRoomFor = (entry: Entry, room: Room): boolean =>
  room.cpuMilli <= entry.cpuMilli && room.memoryMiB <= entry.memoryMiB;

const occupy = (entry: Entry, room: Room): void => {
  entry.cpuMilli -= room.cpuMilli;
  entry.memoryMiB -= room.memoryMiB;
};

/** The first place whose keys are true; those before it are moved or taken out (H2). */
const settled = (heap: IndexedHeap<Place>, room: Room, warm: boolean): Place | undefined => {
  for (;;) {
    const place = heap.top;
    if (place === undefined) return undefined;
    const { entry } = place;
    if (!hasRoomFor(entry, room) || (warm && place.warm === 0)) heap.remove(place);
    else if (heap.topFirst === -entry.cpuMilli && heap.topSecond === -entry.memoryMiB) return place;
    else heap.set(place, -entry.cpuMilli, -entry.memoryMiB);
  }
};
