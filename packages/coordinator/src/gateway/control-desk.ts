/** What the routes of settings have in common: reading and writing records, and the refusals of that. */
import type { Refusal, TenantId } from '@zerofleet/model';
import {
  CONTROL_PARSERS,
  CONTROLS_VERSION,
  type ControlKind,
  type ControlRecords,
} from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { Controls } from '../controls/controls.js';
import type { ControlWriter, Written } from '../controls/writer.js';
import type { TenantDirectory } from './tenants.js';

export const v = CONTROLS_VERSION;

/** Seals a secret so that it opens only as this tenant's secret of this name. */
export interface SecretSealer {
  seal(of: { readonly tenant: TenantId; readonly name: string }, value: string): string;
}

export interface ControlDeskOptions {
  readonly controls: Controls;
  /** Undefined while the store cannot be reached. */
  readonly writer: () => ControlWriter | undefined;
  readonly directory: TenantDirectory;
  readonly clock: Clock;
  /** Undefined on a fleet without a sealing key. */
  readonly sealer: SecretSealer | undefined;
}

/** Times that a change is tried again that met another one. */
const TRIES = 3;

const NOT_WRITTEN: Readonly<Record<Exclude<Written, 'written'>, Refusal>> = {
  conflict: {
    code: 'conflict',
    detail: 'Somebody else changed it at the same time. Look at it, and try again.',
  },
  unavailable: {
    code: 'controls_unavailable',
    detail: 'The change is not confirmed. Send it again: a second one is harmless.',
    retryAfterMs: 1_000,
  },
};

export class ControlDesk {
  readonly controls: Controls;
  readonly clock: Clock;
  readonly sealer: SecretSealer | undefined;
  private readonly options: ControlDeskOptions;

  constructor(options: ControlDeskOptions) {
    this.options = options;
    this.controls = options.controls;
    this.clock = options.clock;
    this.sealer = options.sealer;
  }

  get directory(): TenantDirectory {
    return this.options.directory;
  }

  /** Whether there is such a tenant: in the store, or in the tenants file. */
  hasTenant(tenant: TenantId): boolean {
    return this.controls.tenant(tenant) !== undefined || this.directory.tenants.has(tenant);
  }

  /** Sets a record; a refusal when it was not, or may not have been, set. */
  async put(key: string, record: object): Promise<Refusal | undefined> {
    return refusalOf((await this.options.writer()?.put(key, record)) ?? 'unavailable');
  }

  async remove(key: string): Promise<Refusal | undefined> {
    return refusalOf((await this.options.writer()?.remove(key)) ?? 'unavailable');
  }

  /**
   * Changes a record by what is stored of it now: `make` gives the new one of the old one, or a refusal. The new record, or a
   * refusal.
   */
  async change<K extends ControlKind>(
    kind: K,
    key: string,
    make: (before: ControlRecords[K] | undefined) => ControlRecords[K] | { readonly refused: Refusal },
  ): Promise<
    { readonly record: ControlRecords[K]; readonly isNew: boolean } | { readonly refused: Refusal }
  > {
    const writer = this.options.writer();
    for (let tries = 0; writer !== undefined && tries < TRIES; tries += 1) {
      const there = await writer.get(key).catch(() => 'unavailable' as const);
      if (there === 'unavailable') break;
      const before = there === undefined ? undefined : CONTROL_PARSERS[kind](there.bytes);
      const record = make(before?.ok === true ? (before.value as ControlRecords[K]) : undefined);
      if ('refused' in record) return record;
      const written = await writer.change(key, record, there?.revision ?? null);
      if (written === 'written') return { record, isNew: there === undefined };
      if (written === 'unavailable') break;
      if (tries === TRIES - 1) return { refused: NOT_WRITTEN.conflict };
    }
    return { refused: NOT_WRITTEN.unavailable };
  }
}

const refusalOf = (written: Written): Refusal | undefined =>
  written === 'written' ? undefined : NOT_WRITTEN[written];

/** There is no such thing of the caller's. */
export const noSuch = (what: string): Refusal => ({ code: 'not_found', detail: `There is no such ${what}.` });

/** There are as many as there may be. */
export const tooMany = (what: string, most: number): Refusal => ({
  code: 'too_many',
  detail: `There may be ${most} ${what} at most. Delete one first.`,
});

/** A member of a body or path that does not fit. */
export const wrong = (path: string, message: string): Refusal => ({
  code: 'invalid_request',
  detail: `${path} ${message}.`,
  errors: [{ path: `/${path.replaceAll('.', '/')}`, message }],
});
