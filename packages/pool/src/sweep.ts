/** What time alone brings about: containers that have served theirs, pools that nobody asks for any more. */
import type { PlannerParts, StopWhy } from './planner.js';
import type { Member, Shelf } from './shelf.js';

/** A pool that is not configured and has nothing in it is forgotten after this, in ms; and the oldest above so many. */
const FORGET_MS = 24 * 3_600_000;
const SHELVES_MAX = 512;
/** A session whose image was replaced moves once it was idle for this long, in ms. */
const ROLL_IDLE_MS = 60_000;

type Stop = (member: Member, why: StopWhy) => boolean;

export const sweep = (parts: Pick<PlannerParts, 'yard' | 'policy'>, nowMs: number, stop: Stop): void => {
  const { yard } = parts;
  for (const shelf of yard.shelves.values()) {
    yard.changed.add(shelf);
    for (const member of shelf.idle) {
      const why = wornOut(member, parts, nowMs);
      if (why !== undefined) stop(member, why);
    }
    if (isForgotten(shelf, nowMs, yard.shelves.size)) yard.forgetShelf(shelf);
  }
  for (const member of yard.parked) {
    const why = overstayed(member, parts, nowMs);
    if (why !== undefined && !stop(member, why)) return;
  }
};

const wornOut = (
  member: Member,
  { policy }: Pick<PlannerParts, 'policy'>,
  nowMs: number,
): StopWhy | undefined => {
  if (member.state.kind !== 'idle') return undefined;
  if (nowMs - member.state.sinceMs >= policy.idleMaxMs) return 'idle';
  return nowMs - member.bornMs >= policy.ageMaxMs ? 'age' : undefined;
};

const overstayed = (
  member: Member,
  { policy }: Pick<PlannerParts, 'policy'>,
  nowMs: number,
): StopWhy | undefined => {
  if (member.state.kind !== 'idle') return undefined;
  const idleMs = nowMs - member.state.sinceMs;
  if (idleMs >= policy.sessionIdleMaxMs) return 'idle';
  if (nowMs - member.bornMs >= policy.sessionAgeMaxMs) return 'age';
  return member.shelf.successor !== undefined && idleMs >= ROLL_IDLE_MS ? 'rolled' : undefined;
};

const isForgotten = (shelf: Shelf, nowMs: number, shelves: number): boolean =>
  !shelf.isConfigured &&
  shelf.size === 0 &&
  shelf.demand === 0 &&
  (shelves > SHELVES_MAX || nowMs - shelf.usedAtMs >= FORGET_MS);
