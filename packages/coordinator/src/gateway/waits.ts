/** Why a job waits, in words. */
import type { JobId } from '@zerofleet/model';
import type { Wait, WaitReason, WhyView } from '@zerofleet/protocol';

const DETAILS: Readonly<Record<WaitReason, string>> = {
  due: 'Its time has not come.',
  paused: 'Its tenant, its tool, its class or the whole fleet is paused.',
  rollout: 'A rollout holds it.',
  quota: 'A quota is used up.',
  rate: 'Its tenant starts jobs as fast as it may.',
  session: 'A job of its session is before it.',
  placement: 'No worker that is there could take it.',
  capacity: 'Its turn has not come: workers are busy.',
};

const QUOTAS: Readonly<Record<string, string>> = {
  running: 'Its tenant runs as many jobs as it may.',
  tool_running: 'Its tenant runs as many jobs of this tool as it may.',
  compute:
    "Its tenant's compute time of the day is used up or set aside for what runs; a new day begins at 00:00 UTC.",
  stored: 'Its tenant stores as many bytes as it may.',
  tool: 'The fleet runs as many jobs of this tool as it may.',
};

/** The view of a wait; null for a job that does not wait. */
export const whyView = (id: JobId, stage: string, wait: Wait): WhyView => {
  if (wait === null) return { id, stage, waiting: null };
  const { reason, quota } = wait;
  const detail = (quota === null ? undefined : QUOTAS[quota]) ?? DETAILS[reason];
  return { id, stage, waiting: { ...wait, detail } };
};
