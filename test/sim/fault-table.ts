/** Which faults are possible where, and how often they strike, in 1,000. A cell of 0 is struck by `mischief.ts`. */
import type { FaultTable } from '@zerofleet/testkit';

export const FAULT_TABLE = {
  'ledger.append': { lost: 6, unanswered: 8, late: 8, doubled: 8, refused: 4, full: 0 },
  'ledger.read': { lost: 60, failed: 60, late: 40 },
  'ledger.follow': { broken: 4, late: 15 },
  'ledger.get': { lost: 60, failed: 80 },
  'ledger.purge': { lost: 60, unanswered: 80, failed: 80 },
  'ledger.usage': { lost: 20, failed: 20, late: 20 },
  'timers.store': { lost: 60, unanswered: 100, full: 60 },
  'timers.get': { lost: 80, failed: 80 },
  'timers.drop': { lost: 60, unanswered: 80, failed: 60 },
  'timers.list': { lost: 100, failed: 100 },
  'outcomes.project': { lost: 15, unanswered: 30, late: 30, doubled: 30, failed: 30 },
  'outcomes.bury': { lost: 30, unanswered: 60, late: 30, doubled: 60, failed: 60 },
  'outcomes.find': { lost: 40, failed: 60, late: 60 },
  'outcomes.findKey': { lost: 40, failed: 60, late: 60 },
  'usage.load': { lost: 60, failed: 60 },
  'usage.save': { lost: 60, unanswered: 60, failed: 60 },
  'blobs.put': { lost: 150, unanswered: 80, failed: 150, full: 100 },
  'blobs.get': { lost: 200, failed: 250 },
  'worker.roster': { lost: 150, late: 100, doubled: 150 },
  'worker.run': { lost: 15, unanswered: 20, late: 15, doubled: 20 },
  'worker.stop': { lost: 60, unanswered: 60, late: 60, doubled: 60 },
  'worker.ready': { lost: 20, late: 20, doubled: 20 },
  'worker.done': { lost: 15, unanswered: 20, late: 15, doubled: 20 },
  'line.ping': { lost: 6, unanswered: 6, late: 10, doubled: 6 },
  'line.call': { lost: 20, unanswered: 30, late: 20, doubled: 20 },
  leader: { killed: 0, paused: 0, 'cut off': 0, replaced: 0, jumped: 0 },
  standby: { killed: 0, paused: 0, 'cut off': 0, jumped: 0 },
  worker: { killed: 0, paused: 0 },
  index: { flushed: 0 },
} as const satisfies FaultTable;

/** What is possible besides while a fleet is updated. */
export const UPGRADE_FAULTS = {
  'line.probe': { lost: 20, unanswered: 20, late: 20, doubled: 20 },
  'release before': { killed: 0, paused: 0, 'cut off': 0, replaced: 0, jumped: 0 },
} as const satisfies FaultTable;
export const UPGRADE_FAULT_TABLE = { ...FAULT_TABLE, ...UPGRADE_FAULTS } as const satisfies FaultTable;
