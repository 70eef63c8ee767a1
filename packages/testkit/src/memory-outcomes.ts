/**
 * The outcomes stream in memory, and its index, which is a projection of it: it comes after the stream, can be lost, and
 * then takes its time to come back.
 *
 * Places of faults: `outcomes.project`, `outcomes.bury`, `outcomes.find`, `outcomes.findKey`.
 */
import type { KeyLookup, OutcomeLookup, OutcomePort } from '@zerofleet/coordinator';
import type { JobId, TenantId } from '@zerofleet/model';
import type { DeadLetter, OutcomeBatch, OutcomeRecord } from '@zerofleet/protocol';
import type { ProcessClock, VirtualClock } from './virtual-clock.js';
import type { Wire } from './wire.js';

const TIMEOUT_MS = 1_000;
/** Time between two turns of the indexer, in ms, and messages that it takes in one. */
const INDEX_EVERY_MS = 100;
const INDEX_MESSAGES = 25;

/** The servers' side: stream, dead letters, index. */
export class MemoryOutcomeStore {
  /** Every outcome ever stored, by job. */
  readonly records = new Map<JobId, OutcomeRecord>();
  readonly letters = new Map<JobId, DeadLetter>();
  /** Hears of a batch before it is stored. */
  onProject: (batch: OutcomeBatch) => void = () => undefined;
  /** Planted defect: an index that is being rebuilt says "none". */
  saysNone = false;
  private readonly stream: OutcomeBatch[] = [];
  private position = 0;
  private readonly jobs = new Map<JobId, OutcomeRecord>();
  private readonly keys = new Map<string, { readonly id: JobId; readonly hash: string }>();

  constructor(clock: VirtualClock) {
    const turn = (): void => {
      this.index();
      clock.after(INDEX_EVERY_MS, turn);
    };
    clock.after(INDEX_EVERY_MS, turn);
  }

  get isIndexed(): boolean {
    return this.saysNone || this.position >= this.stream.length;
  }

  project(batch: OutcomeBatch): void {
    this.onProject(batch);
    this.stream.push(batch);
    for (const record of batch.outcomes) this.records.set(record.job.id, record);
  }

  /** The index is lost. */
  flush(): void {
    this.position = 0;
    this.jobs.clear();
    this.keys.clear();
  }

  find(tenant: TenantId, id: JobId): OutcomeLookup {
    const record = this.jobs.get(id);
    if (record === undefined) return { kind: this.isIndexed ? 'none' : 'rebuilding' };
    return record.job.tenant === tenant ? { kind: 'found', record } : { kind: 'none' };
  }

  findKey(tenant: TenantId, key: string): KeyLookup {
    const found = this.keys.get(`${tenant} ${key}`);
    if (found !== undefined) return { kind: 'found', ...found };
    return { kind: this.isIndexed ? 'none' : 'rebuilding' };
  }

  private index(): void {
    const to = Math.min(this.stream.length, this.position + INDEX_MESSAGES);
    for (const batch of this.stream.slice(this.position, to))
      for (const record of batch.outcomes) {
        const { id, tenant, extras } = record.job;
        this.jobs.set(id, record);
        if (extras?.idempotency === undefined) continue;
        const { key, hash } = extras.idempotency;
        this.keys.set(`${tenant} ${key}`, { id, hash });
      }
    this.position = to;
  }
}

/** Outcomes as one process reaches them. */
export class MemoryOutcomes implements OutcomePort {
  private readonly store: MemoryOutcomeStore;
  private readonly process: ProcessClock;
  private readonly wire: Wire;

  constructor(store: MemoryOutcomeStore, process: ProcessClock, wire: Wire) {
    this.store = store;
    this.process = process;
    this.wire = wire;
  }

  project(batch: OutcomeBatch): Promise<void> {
    return this.ask('project', () => this.store.project(batch));
  }

  bury(letter: DeadLetter): Promise<void> {
    return this.ask('bury', () => void this.store.letters.set(letter.job.id, letter));
  }

  find(tenant: TenantId, id: JobId): Promise<OutcomeLookup> {
    return this.ask('find', () => this.store.find(tenant, id));
  }

  findKey(tenant: TenantId, key: string): Promise<KeyLookup> {
    return this.ask('findKey', () => this.store.findKey(tenant, key));
  }

  private ask<T>(what: string, act: () => T): Promise<T> {
    return this.wire.ask(`outcomes.${what}`, this.process, TIMEOUT_MS, act);
  }
}
