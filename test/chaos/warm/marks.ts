/**
 * Sees jobs run, past the fleet: each job's command line holds a mark, and every process with one is noted as the host's kernel
 * has it. The job's code forks nothing: a fork that has yet to become another program would look like a second start. A job that was started twice shows as two processes, whatever the fleet's own records say.
 */
import { readdirSync, readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 100;

export class Marks {
  /** Of each mark the processes that had it: pid and when it began, in the kernel's ticks. */
  private readonly seen = new Map<string, Set<string>>();
  private readonly prefix: string;
  private readonly timer: NodeJS.Timeout;

  /** Looks until stop(). Jobs must run much longer than 100 ms to be seen. */
  constructor(prefix: string) {
    this.prefix = prefix;
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** How many processes had the mark. */
  count(mark: string): number {
    return this.seen.get(mark)?.size ?? 0;
  }

  /** How many marks were seen. */
  get size(): number {
    return this.seen.size;
  }

  private look(): void {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const mark = words.find((word) => word.startsWith(this.prefix));
        if (mark === undefined) continue;
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
        this.seen.set(mark, (this.seen.get(mark) ?? new Set()).add(`${pid} ${began}`));
      } catch {
        // It ended in between.
      }
    }
  }
}
