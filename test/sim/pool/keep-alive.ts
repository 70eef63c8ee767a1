/**
 * What the pool is compared with: a container starts when a job finds none, serves its tenant's jobs of that tool alone, and is
 * kept for a fixed time after the last one. Memory is no object to it.
 */
import { Agenda } from './agenda.js';
import { DAY_MS, type Arrival } from './trace.js';

export interface Cost {
  readonly jobs: number;
  readonly cold: number;
  /** Time that containers existed, from the start of their start. */
  readonly containerS: number;
  /** Containers at once, at most. */
  readonly most: number;
}

interface Kept {
  readonly fromMs: number;
  usedAtMs: number;
}

const MS_PER_S = 1_000;

export const keepAlive = (arrivals: readonly Arrival[], keepMs: number, startMs: () => number): Cost => {
  const agenda = new Agenda();
  const idle = new Map<string, Kept[]>();
  let [cold, containerMs, alive, most] = [0, 0, 0, 0];
  const rest = (key: string, kept: Kept): void => {
    kept.usedAtMs = agenda.nowMs;
    const usedAtMs = agenda.nowMs;
    const list = idle.get(key) ?? [];
    idle.set(key, list);
    list.push(kept);
    agenda.at(usedAtMs + keepMs, () => {
      const slot = list.indexOf(kept);
      if (slot < 0 || kept.usedAtMs !== usedAtMs) return;
      list.splice(slot, 1);
      alive -= 1;
      containerMs += agenda.nowMs - kept.fromMs;
    });
  };
  for (const { atMs, tool, tenant, runMs } of arrivals)
    agenda.at(atMs, () => {
      const key = `${tool}/${tenant}`;
      const own = idle.get(key)?.pop();
      if (own !== undefined) {
        agenda.at(atMs + runMs, () => rest(key, own));
        return;
      }
      cold += 1;
      alive += 1;
      most = Math.max(most, alive);
      const kept: Kept = { fromMs: atMs, usedAtMs: 0 };
      agenda.at(atMs + startMs() + runMs, () => rest(key, kept));
    });
  agenda.run(DAY_MS);
  for (const kept of [...idle.values()].flat()) containerMs += DAY_MS - kept.fromMs;
  return { jobs: arrivals.length, cold, containerS: containerMs / MS_PER_S, most };
};
