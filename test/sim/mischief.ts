/** Faults that are no message's: processes die, sleep, are cut off or replaced, clocks jump, the index is lost, the ledger is full. */
import { OldNode } from './old-node.js';
import type { ReplicaNode } from './replica-node.js';
import type { World } from './world.js';

/** Wall clocks jump this far, at most, in ms. */
const JUMP_MS = 15_000;
/** What a ledger that fills up still takes, in bytes. */
const SPARE_BYTES = 2_000;

export class Mischief {
  private readonly world: World;
  private over = false;

  constructor(world: World) {
    this.world = world;
    this.plan();
    // Every history changes its leader, whatever else it brings.
    for (const atMs of [5_000, 11_000, 17_000]) world.clock.after(atMs, () => this.loseLeader());
  }

  end(): void {
    this.over = true;
    const { replicas, workers, log } = this.world;
    log.maxBytes = Infinity;
    for (const { clock } of workers) clock.wake();
    for (const node of replicas) {
      node.setOnline(true);
      node.process.setRight();
      node.process.wake();
    }
  }

  private plan(): void {
    this.world.clock.after(this.world.prng.between(100, 1_200), () => {
      if (this.over) return;
      this.strike();
      this.plan();
    });
  }

  private later(minMs: number, maxMs: number, act: () => void): void {
    const { clock, prng } = this.world;
    clock.after(prng.between(minMs, maxMs), () => {
      if (!this.over) act();
    });
  }

  private loseLeader(): void {
    if (this.over) return;
    const leader = this.world.leader();
    if (leader === undefined) return this.later(300, 600, () => this.loseLeader());
    this.world.book.strike(placeOf(leader, 'leader'), 'killed');
    leader.kill(this.world.prng.between(50, 2_000));
  }

  private strike(): void {
    const { prng, book, outcomes } = this.world;
    const draw = prng.between(1, 10);
    if (draw <= 2) return this.strikeWorker();
    if (draw === 3) {
      book.strike('index', 'flushed');
      return outcomes.flush();
    }
    if (draw === 4) return this.fillLedger();
    const leader = this.world.leader();
    const standbys = this.world.replicas.filter((one) => one.process.alive && !one.leads);
    if (draw <= 7 && leader !== undefined) this.strikeReplica(leader, 'leader');
    else if (standbys.length > 0) this.strikeReplica(prng.pick(standbys), 'standby');
  }

  private strikeWorker(): void {
    const { prng, book, workers } = this.world;
    const worker = prng.pick(workers);
    if (prng.chance(1, 2)) {
      book.strike('worker', 'killed');
      return worker.restart();
    }
    book.strike('worker', 'paused');
    const { clock } = worker;
    clock.sleep();
    this.later(500, 9_000, () => clock.wake());
  }

  private fillLedger(): void {
    const { log } = this.world;
    log.maxBytes = log.bytes + SPARE_BYTES;
    this.later(500, 2_500, () => {
      log.maxBytes = Infinity;
    });
  }

  private strikeReplica(node: ReplicaNode | OldNode, role: 'leader' | 'standby'): void {
    const { prng, book } = this.world;
    const { process } = node;
    if (!process.awake) return;
    const kind = prng.pick(['killed', 'paused', 'paused', 'cut off', 'jumped', 'replaced'] as const);
    if (kind === 'replaced' && role === 'standby') return;
    book.strike(placeOf(node, role), kind);
    switch (kind) {
      case 'killed':
        return node.kill(prng.between(50, 2_000));
      case 'paused':
        process.sleep();
        return this.later(300, 6_000, () => process.wake());
      case 'cut off':
        node.setOnline(false);
        return this.later(300, 6_000, () => {
          if (node.process === process) node.setOnline(true);
        });
      case 'jumped':
        return process.jump(prng.between(-JUMP_MS, JUMP_MS));
      case 'replaced':
        return node.replace();
    }
  }
}

type Place = 'leader' | 'standby' | 'release before';
const placeOf = (node: ReplicaNode | OldNode, role: 'leader' | 'standby'): Place =>
  node instanceof OldNode ? 'release before' : role;
