/**
 * Who calls: a key of the tenants file or of the control store, what it may do, and that it still may.
 *
 * A1  A look-up goes by hash: how long it takes says nothing about the keys there are.
 * A2  A key that was revoked or has expired ends what it has open, too: who holds a request open asks `isValid` again.
 */
import { createHash } from 'node:crypto';
import type { Scope, TenantId } from '@zerofleet/model';
import type { Clock } from '@zerofleet/runtime';
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

export class Access {
  private readonly file: TenantDirectory;
  private readonly controls: Controls;
  private readonly clock: Clock;

  constructor(file: TenantDirectory, controls: Controls, clock: Clock) {
    this.file = file;
    this.controls = controls;
    this.clock = clock;
  }

  /** The caller whose key stands in an Authorization header, if it is one. */
  identify(authorization: string | undefined): Caller | undefined {
    const key = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? '')?.[1];
    return key === undefined ? undefined : this.find(createHash('sha256').update(key).digest('hex'));
  }

  /** Whether the caller's key is one still (A2). */
  isValid(caller: Caller): boolean {
    return this.find(caller.sha256) !== undefined;
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
