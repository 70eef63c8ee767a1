/** The job of a schedule's run: admitted as a submission of its tenant would be, at the time at which it is planned. */
import type { ScheduleRecord } from '@zerofleet/protocol';
import { GRACE_MS } from '../controllers/schedule-keeper.js';
import { admit, type Admitted, type AdmissionOptions } from './admission.js';

/** Admits the run of `record` at `atMs`, Unix ms. */
export const planRun = async (
  options: AdmissionOptions,
  { tenant, name, revision, schedule }: ScheduleRecord,
  atMs: number,
): Promise<Admitted> => {
  const admitted = await admit(options, tenant, schedule.job);
  if (admitted.kind === 'refused') return admitted;
  const { envelope } = admitted;
  const extras = {
    ...envelope.extras,
    ...(atMs > options.clock.wallMs() ? { runAtMs: atMs } : {}),
    ...(schedule.missed === 'skip' ? { deadlineAtMs: atMs + GRACE_MS } : {}),
    // No tenant's key holds a space.
    idempotency: { key: `schedule ${name} ${revision} ${atMs}`, hash: '' },
    schedule: { name, revision, atMs },
  };
  return { kind: 'admitted', envelope: { ...envelope, extras } };
};
