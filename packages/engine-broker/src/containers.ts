/**
 * The containers of this broker: who they belong to, and that none outlives its worker.
 *
 * C1  A caller reaches only containers of its own worker and boot; every other id is simply not there.
 * C2  A container lives as long as its attach: when either side ends, it is killed and removed.
 * C3  One that is not attached within ATTACH_WITHIN_MS is removed; so is every container with this broker's label that
 *     it does not know (left by an earlier life), and every one of a worker's older boots.
 */
import type { Duplex } from 'node:stream';
import { poolKeyOf, type PoolSpec } from '@zerofleet/model';
import type { Logger } from '@zerofleet/runtime';
import { createBody, type Owner } from './create-body.js';
import type { DockerEngine } from './docker-engine.js';
import { Gate } from './gate.js';

const ATTACH_WITHIN_MS = 10_000;
/** Tries to remove a container before the sweep takes over. */
const REMOVE_TRIES = 3;
/** Replaced boots that are remembered, so that a late call of one is not heard. */
const DEAD_BOOTS_MAX = 10_000;

interface Entry {
  readonly owner: Owner;
  attach: Duplex | undefined;
  attachTimer: NodeJS.Timeout | undefined;
}

export interface ContainersOptions {
  readonly engine: DockerEngine;
  readonly broker: string;
  readonly seccomp: string;
  readonly startsMax: number;
  readonly containersMax: number;
  readonly log: Logger;
}

/** `full`: the worker has as many containers as it may. */
export type CreateResult = { readonly kind: 'created'; readonly id: string } | { readonly kind: 'full' };

export class Containers {
  private readonly options: ContainersOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly newestBoot = new Map<string, string>();
  private readonly deadBoots = new Set<string>();
  private readonly removing = new Map<string, Promise<void>>();
  private readonly starts: Gate;
  private creating = 0;
  private closed = false;

  constructor(options: ContainersOptions) {
    this.options = options;
    this.starts = new Gate(options.startsMax);
  }

  get size(): number {
    return this.entries.size;
  }

  /** Whether calls of this boot are heard; the first call of a new boot ends all older ones of its worker (C3). */
  admit({ worker, boot }: Owner): boolean {
    if (this.deadBoots.has(boot)) return false;
    const known = this.newestBoot.get(worker);
    if (known === boot) return true;
    this.newestBoot.set(worker, boot);
    if (known !== undefined) this.bury(known);
    for (const [id, entry] of this.entries)
      if (entry.owner.worker === worker && entry.owner.boot !== boot) void this.remove(id, 'older boot');
    return true;
  }

  private bury(boot: string): void {
    this.deadBoots.add(boot);
    const [oldest] = this.deadBoots;
    if (this.deadBoots.size > DEAD_BOOTS_MAX && oldest !== undefined) this.deadBoots.delete(oldest);
  }

  async create(owner: Owner, pool: PoolSpec): Promise<CreateResult> {
    if (this.closed || this.entries.size + this.creating >= this.options.containersMax)
      return { kind: 'full' };
    this.creating += 1;
    try {
      const { broker, seccomp, engine } = this.options;
      const id = await engine.create(createBody({ pool, poolKey: poolKeyOf(pool), owner, broker, seccomp }));
      const attachTimer = setTimeout(() => void this.remove(id, 'never attached'), ATTACH_WITHIN_MS);
      this.entries.set(id, { owner, attach: undefined, attachTimer });
      if (this.closed) await this.remove(id, 'closing');
      return { kind: 'created', id };
    } finally {
      this.creating -= 1;
    }
  }

  /** The stream of a container of `owner`, started; undefined when there is none such, or it has one already. */
  async attach(owner: Owner, id: string): Promise<Duplex | undefined> {
    const entry = this.find(owner, id);
    if (entry === undefined || entry.attachTimer === undefined) return undefined;
    clearTimeout(entry.attachTimer);
    entry.attachTimer = undefined;
    try {
      const stream = await this.starts.run(() => this.options.engine.attachAndStart(id));
      if (!this.entries.has(id)) {
        stream.destroy();
        return undefined;
      }
      entry.attach = stream;
      stream.once('close', () => void this.remove(id, 'attach ended'));
      stream.on('error', () => stream.destroy());
      return stream;
    } catch (error) {
      await this.remove(id, 'start failed');
      throw error;
    }
  }

  list(owner: Owner): string[] {
    return [...this.entries].filter(([, entry]) => isSame(entry.owner, owner)).map(([id]) => id);
  }

  /** Ends a container of `owner`, and waits for one that is ending; one that is not there is fine. */
  async end(owner: Owner, id: string): Promise<void> {
    if (this.find(owner, id) !== undefined) await this.remove(id, 'asked for');
    else await this.removing.get(id);
  }

  /** Removes what carries this broker's label and is not known to it (C3). Throws when the engine cannot be asked. */
  async sweep(): Promise<void> {
    for (const { Id: id } of await this.options.engine.list(this.options.broker)) {
      if (this.entries.has(id) || this.creating > 0) continue;
      await this.destroy(id, 'orphan');
    }
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

  private async remove(id: string, why: string): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    clearTimeout(entry.attachTimer);
    // First the attach: while a reader stalls, the engine's kill and inspect hang.
    entry.attach?.destroy();
    await this.destroy(id, why);
  }

  private destroy(id: string, why: string): Promise<void> {
    const removing =
      this.removing.get(id) ?? this.tryRemoving(id, why).finally(() => this.removing.delete(id));
    this.removing.set(id, removing);
    return removing;
  }

  private async tryRemoving(id: string, why: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.options.engine.destroy(id);
        this.options.log.debug({ container: id, why }, 'container_removed');
        return;
      } catch (error) {
        if (tries < REMOVE_TRIES) continue;
        this.options.log.warn(
          { container: id, why, error: (error as Error).message },
          'container_not_removed',
        );
        return;
      }
    }
  }
}

const isSame = (a: Owner, b: Owner): boolean => a.worker === b.worker && a.boot === b.boot;
