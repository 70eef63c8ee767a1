/**
 * Who calls: a key of the tenants file or of the control store, what it may do, and that it still may.
 *
 * A1  A look-up goes by hash: how long it takes says nothing about the keys there are.
 * A2  A key that was revoked or has expired ends what it has open, too, within LOOK_MS.
 */
import { hash } from 'node:crypto';
import type { Scope, TenantId } from '@zerofleet/model';
import { every, type Cancel, type Clock } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { TenantDirectory } from './tenants.js';

/** Who calls. `tenant` is null for an operator. */
export interface Caller {
  readonly tenant: TenantId | null;
  /** The key's name, for records of who did what. */
  readonly name: string;
  readonly sha256: string;
  readonly scopes: readonly Scope[];
}

/** Open requests' keys are looked at so often, in ms. */
const LOOK_MS = 500;

interface Watcher {
  readonly sha256: string;
  readonly ended: () => void;
}

export class Access {
  private readonly file: TenantDirectory;
  private readonly controls: Controls;
  private readonly clock: Clock;
  private readonly watchers = new Set<Watcher>();
  private stopLooking: Cancel = () => undefined;

  constructor(file: TenantDirectory, controls: Controls, clock: Clock) {
    this.file = file;
    this.controls = controls;
    this.clock = clock;
  }

  /** The caller whose key stands in an Authorization header, if it is one. */
  identify(authorization: string | undefined): Caller | undefined {
    const key = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? '')?.[1];
    return key === undefined ? undefined : this.find(hash('sha256', key, 'hex'));
  }

  /** Calls `ended` once the caller's key is none any more (A2), unless the returned function is called before. */
  whileValid({ sha256 }: Caller, ended: () => void): () => void {
    const watcher: Watcher = { sha256, ended };
    this.watchers.add(watcher);
    if (this.watchers.size === 1) this.stopLooking = every(this.clock, LOOK_MS, () => this.look());
    return () => this.unwatch(watcher);
  }

  private unwatch(watcher: Watcher): void {
    if (this.watchers.delete(watcher) && this.watchers.size === 0) this.stopLooking();
  }

  private look(): void {
    const valid = new Map<string, boolean>();
    for (const watcher of [...this.watchers]) {
      const { sha256, ended } = watcher;
      if (!valid.has(sha256)) valid.set(sha256, this.find(sha256) !== undefined);
      if (valid.get(sha256) === true) continue;
      this.unwatch(watcher);
      ended();
    }
  }

  private find(sha256: string): Caller | undefined {
    const filed = this.file.find(sha256);
    if (filed !== undefined) return filed;
    const stored = this.controls.keyByHash(sha256);
    if (stored === undefined) return undefined;
    const { tenant, name, scopes, expiresAtMs } = stored;
    if (expiresAtMs !== null && expiresAtMs <= this.clock.wallMs()) return undefined;
    // A tenant's key is never an operator's, whatever its record says.
    const own = tenant === null ? scopes : scopes.filter((scope) => scope !== 'admin');
    return { tenant, name, sha256, scopes: own };
  }
}
