/** Planted defects, each at a port: a simulation that does not catch them proves nothing. */
import type { Fence, LedgerPort, OutcomePort, WorkerPort } from '@zerofleet/coordinator';
import { decodeCommit, encodeCommit, LEDGER_FORMAT } from '@zerofleet/protocol';
import type { Prng, ProcessClock } from '@zerofleet/testkit';

export const DEFECTS = {
  /** Anyone may append at any time. */
  'unfenced-ledger': 'I2',
  /** An append is fenced by the sequence before it alone, not by its id. */
  'fence-by-sequence-only': 'I2',
  /** A worker runs some attempts twice. */
  'double-run': 'I4',
  /** Some runs that a worker took are said to be refused, so that they are run elsewhere too. */
  'taken-as-refused': 'I4',
  /** Workers are told that the end of an attempt is on record before it is, and what they forgot cannot run there again. */
  'early-confirm': 'I4',
  /** Some outcomes are acknowledged and not stored. */
  'outcome-dropped': 'I1',
  /** Appends are acknowledged a moment before they are stored. */
  'ack-before-store': 'I3',
  /** Leaders hear of no quota and no pause. */
  'settings-unheard': 'I6',
  /** Workers say that they have more room than they have. */
  'room-overstated': 'I6',
  /** An index that is being rebuilt says that there is nothing. */
  'index-says-none': 'I8',
  /** One message more is purged than was asked for. */
  'purge-too-far': 'purge',
} as const;

/** Those that show only while a fleet is updated. */
export const UPGRADE_DEFECTS = {
  /** A leader writes the new format at once, whoever else is there. */
  'format-too-soon': 'U2',
  /** A leader writes what the format before does not have, as that format. */
  'unknown-in-old-format': 'U1',
} as const;
export type Defect = keyof typeof DEFECTS | keyof typeof UPGRADE_DEFECTS | 'none';

export const faultyLedger = (ledger: LedgerPort, defect: Defect, clock: ProcessClock): LedgerPort => {
  if (defect === 'purge-too-far')
    return Object.assign(Object.create(ledger) as LedgerPort, {
      purge: (seq: number) => ledger.purge(seq + 1),
    });
  if (defect === 'ack-before-store')
    return Object.assign(Object.create(ledger) as LedgerPort, {
      append: (...args: Parameters<LedgerPort['append']>) => {
        void ledger.append(...args);
        const seq = args[2].lastSeq + 1;
        return new Promise((resolve) => clock.after(0, () => resolve({ kind: 'stored', seq })));
      },
    });
  if (defect === 'format-too-soon' || defect === 'unknown-in-old-format')
    return Object.assign(Object.create(ledger) as LedgerPort, {
      append: (bytes: Uint8Array, ...rest: readonly [string, Fence]) =>
        ledger.append(rewritten(bytes, defect), ...rest),
    });
  return ledger;
};

/** A commit of format 1 as a leader with that defect writes it. */
const rewritten = (bytes: Uint8Array, defect: 'format-too-soon' | 'unknown-in-old-format'): Uint8Array => {
  const commit = decodeCommit(bytes);
  if (!commit.ok || commit.value.v === LEDGER_FORMAT) return bytes;
  if (defect === 'format-too-soon') return encodeCommit({ ...commit.value, v: LEDGER_FORMAT });
  return Buffer.from(Buffer.from(bytes).toString().replaceAll('"handed_back"', '"retry"'));
};

export const faultyOutcomes = (outcomes: OutcomePort, defect: Defect, prng: Prng): OutcomePort =>
  defect === 'outcome-dropped'
    ? Object.assign(Object.create(outcomes) as OutcomePort, {
        project: (...args: Parameters<OutcomePort['project']>) =>
          prng.chance(1, 20) ? Promise.resolve() : outcomes.project(...args),
      })
    : outcomes;

export const faultyWorkers = (workers: WorkerPort, defect: Defect, prng: Prng): WorkerPort =>
  defect === 'taken-as-refused'
    ? Object.assign(Object.create(workers) as WorkerPort, {
        run: async (...args: Parameters<WorkerPort['run']>) => {
          const reply = await workers.run(...args);
          if (reply.kind !== 'taken' || !prng.chance(1, 20)) return reply;
          return { ...reply, refused: args[1].jobs.map(({ id, attempt }) => ({ id, attempt })) };
        },
      })
    : workers;
