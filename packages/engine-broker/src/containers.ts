/**
 * The containers of this broker: who they belong to, and that none outlives its worker.
 *
 * C1  A caller reaches only containers of its own worker and boot; every other id is simply not there.
 * C2  A container lives as long as its attach: when either side ends, it is killed and removed.
 * C3  One that is not attached within ATTACH_WITHIN_MS is removed; so is every container with this broker's label that
 *     it does not know (left by an earlier life), and every one of a worker's older boots.
 * C4  One that is being made or removed counts until it is gone: no churn of calls makes more work than the limit allows.
 */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { poolKeyOf, type PoolSpec } from '@zerofleet/model';
import type { Logger } from '@zerofleet/runtime';
import { createBody, type Owner } from './create-body.js';
import type { DockerEngine } from './docker-engine.js';
import { Gate } from './gate.js';
import { JobUsers } from './job-users.js';
import { Refusal } from './refusal.js';

const ATTACH_WITHIN_MS = 10_000;
/** Creates under way at once: cheap for the engine next to starts, but not for nothing. */
const CREATES_MAX = 8;
/** Removals under way at once. */
const REMOVALS_MAX = 32;
/** Tries to remove a container before the sweep takes over. */
const REMOVE_TRIES = 3;

/** What a container is doing; each stage owns what belongs to it. */
type Stage =
  | { readonly kind: 'made'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'starting' }
  | { readonly kind: 'attached'; readonly stream: Duplex }
  | { readonly kind: 'leaving'; readonly gone: Promise<void> };

interface Entry {
  readonly id: string;
  readonly owner: Owner;
  /** The user that its jobs run as. */
  readonly uid: number;
  stage: Stage;
}

/** What a container is to be: of a pool, made from the image with that id. */
export interface Wanted {
  readonly pool: PoolSpec;
  readonly image: string;
}

export interface ContainersOptions {
  readonly engine: DockerEngine;
  readonly broker: string;
  readonly seccomp: string;
  readonly startsMax: number;
  readonly containersMax: number;
  readonly log: Logger;
}

const always = (): boolean => true;

export class Containers {
  private readonly options: ContainersOptions;
  private readonly entries = new Map<string, Entry>();
  /** Names of containers that the engine is asked to make: they are not orphans, though nobody knows their ids yet. */
  private readonly creating = new Set<string>();
  private readonly users = new JobUsers();
  private readonly creates = new Gate(CREATES_MAX);
  private readonly removals = new Gate(REMOVALS_MAX);
  private readonly starts: Gate;
  private closed = false;

  constructor(options: ContainersOptions) {
    this.options = options;
    this.starts = new Gate(options.startsMax);
  }

  get size(): number {
    return this.entries.size;
  }

  /** Makes a container for `owner`; one that nobody wants by then is not made, or not kept. Throws Refusal. */
  async create(owner: Owner, wanted: Wanted, isWanted: () => boolean): Promise<string> {
    if (this.closed || this.entries.size + this.creating.size >= this.options.containersMax)
      throw new Refusal('full', 'the worker has as many containers as it may');
    const uid = this.users.take();
    if (uid === undefined) throw new Refusal('full', 'there is no user left to run jobs as');
    const name = `zf-tool-${randomUUID()}`;
    this.creating.add(name);
    let id: string | undefined;
    try {
      id = await this.creates.run(isWanted, () => this.make(name, owner, wanted, uid));
      if (id === undefined) throw new Refusal('too_slow', 'the caller is gone');
      const made = id;
      const timer = setTimeout(() => void this.remove(made, 'never attached'), ATTACH_WITHIN_MS);
      this.entries.set(id, { id, owner, uid, stage: { kind: 'made', timer } });
      if (this.closed || !isWanted()) await this.remove(id, 'not wanted any more');
      return id;
    } finally {
      this.creating.delete(name);
      if (id === undefined) this.users.giveBack(uid);
    }
  }

  private make(name: string, owner: Owner, { pool, image }: Wanted, uid: number): Promise<string> {
    const { broker, seccomp, engine } = this.options;
    const body = createBody({ pool, image, poolKey: poolKeyOf(pool), owner, broker, seccomp, uid });
    return engine.create(name, body);
  }

  /** The stream of a container of `owner`, started. Throws Refusal when there is none such, or it has one already. */
  async attach(owner: Owner, id: string, isWanted: () => boolean): Promise<Duplex> {
    const entry = this.find(owner, id);
    if (entry?.stage.kind !== 'made') throw new Refusal('not_found', 'no such container');
    clearTimeout(entry.stage.timer);
    entry.stage = { kind: 'starting' };
    try {
      const stream = await this.starts.run(
        () => isWanted() && this.isStarting(entry),
        () => this.options.engine.attachAndStart(id),
      );
      if (stream === undefined || !this.isStarting(entry)) {
        stream?.destroy();
        throw new Refusal('not_found', 'the container is gone');
      }
      entry.stage = { kind: 'attached', stream };
      stream.once('close', () => void this.remove(id, 'attach ended'));
      stream.on('error', () => stream.destroy());
      return stream;
    } catch (error) {
      await this.remove(id, 'start failed');
      throw error;
    }
  }

  private isStarting(entry: Entry): boolean {
    return entry.stage.kind === 'starting';
  }

  /** Ids of the containers of `owner` that are not on their way out. */
  list(owner: Owner): string[] {
    return [...this.entries.values()]
      .filter((entry) => isSame(entry.owner, owner) && entry.stage.kind !== 'leaving')
      .map(({ id }) => id);
  }

  /** Ends a container of `owner`; resolves once it is gone. Throws Refusal when there is none such. */
  async end(owner: Owner, id: string): Promise<void> {
    if (this.find(owner, id) === undefined) throw new Refusal('not_found', 'no such container');
    await this.remove(id, 'asked for');
  }

  /** Ends all containers of the worker's other boots (C3). */
  endOlder({ worker, boot }: Owner): void {
    for (const { id, owner } of this.entries.values())
      if (owner.worker === worker && owner.boot !== boot) void this.remove(id, 'older boot');
  }

  /** Removes what carries this broker's label and is not known to it (C3). Throws when the engine cannot be asked. */
  async sweep(): Promise<void> {
    // Asked before what is known is looked at: a container that is made meanwhile is in neither.
    const found = await this.options.engine.list(this.options.broker);
    const isKnown = (id: string, names: readonly string[]): boolean =>
      this.entries.has(id) || names.some((name) => this.creating.has(name.slice(1)));
    const orphans = found.filter(({ Id: id, Names: names }) => !isKnown(id, names));
    await Promise.all(orphans.map(({ Id: id }) => this.destroy(id, 'orphan')));
  }

  /** Ends every container. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.entries.keys()].map((id) => this.remove(id, 'closing')));
    await this.sweep().catch((error: Error) =>
      this.options.log.warn({ error: error.message }, 'sweep_failed'),
    );
  }

  private find(owner: Owner, id: string): Entry | undefined {
    const entry = this.entries.get(id);
    return entry !== undefined && isSame(entry.owner, owner) ? entry : undefined;
  }

  /** Resolves once the container is gone, or left to the sweep. */
  private async remove(id: string, why: string): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    const { stage } = entry;
    if (stage.kind === 'leaving') return stage.gone;
    if (stage.kind === 'made') clearTimeout(stage.timer);
    const gone = this.destroy(id, why).finally(() => {
      this.entries.delete(id);
      this.users.giveBack(entry.uid);
    });
    entry.stage = { kind: 'leaving', gone };
    // Before the kill is sent: while a reader stalls, the engine's kill and inspect hang.
    if (stage.kind === 'attached') stage.stream.destroy();
    await gone;
  }

  private async destroy(id: string, why: string): Promise<void> {
    for (let tries = 1; tries <= REMOVE_TRIES; tries += 1) {
      try {
        await this.removals.run(always, () => this.options.engine.destroy(id));
        this.options.log.debug({ container: id, why }, 'container_removed');
        return;
      } catch (error) {
        const fields = { container: id, why, error: (error as Error).message };
        if (tries === REMOVE_TRIES) this.options.log.warn(fields, 'container_not_removed');
      }
    }
  }
}

const isSame = (a: Owner, b: Owner): boolean => a.worker === b.worker && a.boot === b.boot;
