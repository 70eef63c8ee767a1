/**
 * A fleet that is updated in the middle of a history: a replica of the release before leads beside new ones, or new ones are
 * held to the format before; then the old one goes, what was held is let go, and the ledger goes on in the new format.
 *
 * U1  What is written in format 1, ledger and outcomes, the release before can read.
 * U2  Format 2 is written first by a replica that is not held, and not within 30 s of anything that the release before did;
 *     the margin is for one that tried to lead just before it went. From then on nothing is written in format 1.
 * U3  Once the old one is gone and nobody is held, the ledger goes on in format 2. If that release comes back then, it finds
 *     that it cannot read the ledger, and leads never again.
 * U4  Before its reign lasted long enough to raise the format, a replica of this release purges nothing that is younger than
 *     10 s: the old one does not see a gap while it stands for election.
 */
import { SETTLE_MS, type OutcomePort } from '@zerofleet/coordinator';
import {
  decodeCommit,
  decodeOutcomes,
  encodeOutcomes,
  LEDGER_FORMAT,
  type LedgerFormat,
  type OutcomeBatch,
} from '@zerofleet/protocol';
import type { ProcessClock } from '@zerofleet/testkit';
import { readCommitOne, readOutcomeOne } from '../upgrade/format-one/reader.js';
import { OldNode } from './old-node.js';
import { UPKEEP, type ReplicaNode } from './replica-node.js';
import type { World } from './world.js';

/** What stands in the way of the new format: a replica that does not know it, or a setting. */
export type UpgradeKind = 'beside' | 'held';

/** When things happen, in ms from the beginning of the history. */
const NEW_STARTS = [500, 4_000] as const;
const OLD_GOES = [13_000, 26_000] as const;
const LET_GO = [10_000, 34_000] as const;
/** Tenants submit until then: while the format is raised, and after it. */
const WAVE_ENDS_MS = 90_000;
const WAVE_JOBS = 80;
/** An empty ledger is looked at again after this, in ms: new ones join a fleet that there is. */
const LOOK_MS = 250;
/** The release before comes back for so long, in ms. */
const BACK_MS = 4_000;
const MARGIN_MS = 5_000;

export class Upgrade {
  /** The replica of the release before. */
  readonly before: OldNode | undefined;
  private readonly world: World;
  /** Replicas that are held to format 1, by name. */
  private readonly held = new Set<string>();
  private format: LedgerFormat | undefined;
  /** When each message was stored, by sequence. */
  private readonly storedMs: number[] = [];
  private lastElected: 'before' | 'new' | undefined;
  private electedMs = 0;
  private isBack = false;

  constructor(world: World, kind: UpgradeKind) {
    this.world = world;
    this.before = kind === 'beside' ? new OldNode(world, 'b1') : undefined;
  }

  /** Starts what there is, and plans what becomes of it. */
  begin(nodes: readonly ReplicaNode[]): void {
    const { world, before, held } = this;
    const { clock, prng, tenants } = world;
    before?.start();
    for (const node of nodes) {
      if (before === undefined || prng.chance(1, 3)) {
        held.add(node.name);
        clock.after(prng.between(...LET_GO), () => this.letGo(node));
      }
      if (before === undefined) node.start();
      else clock.after(prng.between(...NEW_STARTS), () => this.join(node));
    }
    if (before !== undefined) clock.after(prng.between(...OLD_GOES), () => before.retire());
    tenants.plan(WAVE_JOBS, WAVE_ENDS_MS);
  }

  /** The newest format that this replica may write. */
  holdOf(node: ReplicaNode): LedgerFormat {
    return this.held.has(node.name) ? 1 : LEDGER_FORMAT;
  }

  get isOver(): boolean {
    return this.format === LEDGER_FORMAT && !this.isBack && this.world.clock.nowMs() > WAVE_ENDS_MS;
  }

  close(): void {
    if (this.format !== LEDGER_FORMAT) this.world.auditor.fail('U3: the ledger never went on in format 2');
  }

  /** A message of the ledger was stored by `process`. */
  onStored(seq: number, bytes: Uint8Array, process: ProcessClock | undefined): void {
    const { auditor, clock } = this.world;
    this.storedMs[seq] = clock.nowMs();
    const commit = decodeCommit(bytes);
    if ((!commit.ok || commit.value.v === 1) && readCommitOne(bytes) === undefined)
      auditor.fail(`U1: the release before cannot read message ${seq}`);
    if (!commit.ok) return;
    const { v, events } = commit.value;
    auditor.count(`format ${v}`);
    if (v === 1 && this.format === LEDGER_FORMAT)
      auditor.fail(`U2: message ${seq} is of format 1, after newer ones`);
    if (v === LEDGER_FORMAT && this.format !== v) this.raised(seq, process);
    this.format = v;
    if (events.some(({ kind }) => kind === 'elected')) this.elected(process);
  }

  /** U4. */
  onPurged(firstSeq: number, process: ProcessClock | undefined): void {
    const { auditor, clock } = this.world;
    const ageMs = clock.nowMs() - (this.storedMs[firstSeq - 1] ?? -Infinity);
    const mayRaise = this.format !== 1 || clock.nowMs() - this.electedMs >= SETTLE_MS;
    if (mayRaise || this.before?.process === process || ageMs >= UPKEEP.electionMs) return;
    auditor.fail(`U4: message ${firstSeq - 1} was purged at an age of ${ageMs} ms`);
  }

  /** The outcomes stream, in which an outcome of format 1 is a message of its own: some may be stored, others not. */
  outcomesOf(outcomes: OutcomePort): OutcomePort {
    const projectOne = (bytes: Uint8Array): Promise<void> => {
      const batch = decodeOutcomes(bytes);
      if (!batch.ok || readOutcomeOne(bytes) === undefined) {
        this.world.auditor.fail(`U1: an outcome cannot be read: ${Buffer.from(bytes).toString()}`);
        return Promise.resolve();
      }
      return outcomes.project(batch.value, 1);
    };
    const project = async (batch: OutcomeBatch, format: LedgerFormat): Promise<void> => {
      if (format === LEDGER_FORMAT) return outcomes.project(batch, format);
      await Promise.all(encodeOutcomes(batch, format).map(projectOne));
    };
    return Object.assign(Object.create(outcomes) as OutcomePort, { project });
  }

  private join(node: ReplicaNode): void {
    const { clock, log } = this.world;
    if (log.lastSeq > 0) node.start();
    else clock.after(LOOK_MS, () => this.join(node));
  }

  private letGo(node: ReplicaNode): void {
    this.held.delete(node.name);
    node.replace();
  }

  private elected(process: ProcessClock | undefined): void {
    const { before, world, lastElected } = this;
    const who = process !== undefined && before?.process === process ? 'before' : 'new';
    this.lastElected = who;
    this.electedMs = world.clock.nowMs();
    if (lastElected === undefined || lastElected === who) return;
    const live = world.auditor.liveJobs > 0 ? ', with live jobs' : '';
    world.auditor.count(`${who} after ${lastElected}${live}`);
  }

  /** U2. */
  private raised(seq: number, process: ProcessClock | undefined): void {
    const { world, before } = this;
    const { auditor, clock, nodes } = world;
    const writer = nodes.find((node) => node.process === process);
    if (writer?.hold !== LEDGER_FORMAT)
      auditor.fail(`U2: message ${seq} is of format 2, and ${writer?.name ?? 'who wrote it'} is held to 1`);
    auditor.count(auditor.liveJobs > 0 ? 'raised, with live jobs' : 'raised');
    if (before === undefined) return;
    const sinceMs = clock.nowMs() - before.lastActedMs;
    if (sinceMs < SETTLE_MS - MARGIN_MS)
      auditor.fail(`U2: message ${seq} is of format 2, and ${before.name} was there ${sinceMs} ms before`);
    if (world.prng.chance(1, 2)) this.comeBack(before);
  }

  /** U3. */
  private comeBack(before: OldNode): void {
    const { clock, auditor } = this.world;
    this.isBack = true;
    before.start();
    clock.after(BACK_MS, () => {
      this.isBack = false;
      before.retire();
      const { trouble = 'that it leads' } = before;
      if (/cannot be read/.test(trouble)) auditor.count('format 2 met by before');
      else auditor.fail(`U3: ${before.name} came back, and says ${trouble}`);
    });
  }
}
