/** The real policy on a trace, with containers that start and end as the trace's owner says. */
import type { JobId, PoolSpec, TenantId, ToolName } from '@zerofleet/model';
import { Pool, type Member, type PoolAction, type PoolSettings, type Waiter } from '@zerofleet/pool';
import { Agenda } from './agenda.js';
import type { Cost } from './keep-alive.js';
import type { Arrival } from './trace.js';

const STOP_MS = 60;
const MS_PER_S = 1_000;
export const MEMORY_MIB = 256;

const specOf = (tool: number): PoolSpec => ({
  image: `tool-${tool}`,
  runtime: 'runc',
  resources: { cpuMilli: 250, memoryMiB: MEMORY_MIB, pids: 64, workMiB: 16, tmpMiB: 16 },
});

export interface PoolRunOptions extends PoolSettings {
  /** How long a start takes when so many are under way with it. */
  readonly startMs: (starting: number) => number;
  /** Whether a container serves its tenant again. */
  readonly reuse: boolean;
  readonly tickMs: number;
  readonly untilMs: number;
}

interface Waiting {
  readonly runMs: number;
  readonly sinceMs: number;
}

export class PoolRun {
  readonly pool: Pool;
  /** When jobs came that had to wait, and for how long. */
  readonly waits: { readonly atMs: number; readonly tookMs: number }[] = [];
  private readonly agenda = new Agenda();
  private readonly options: PoolRunOptions;
  private readonly waiting = new Map<Waiter, Waiting>();
  private starting = 0;
  private cold = 0;
  private containerMs = 0;
  private most = 0;

  constructor(options: PoolRunOptions) {
    this.options = options;
    this.pool = new Pool(options);
  }

  /** Plays the arrivals. */
  run(arrivals: readonly Arrival[]): Cost {
    const { agenda, pool } = this;
    const { tickMs, untilMs } = this.options;
    for (const arrival of arrivals) agenda.at(arrival.atMs, () => this.arrive(arrival));
    const tick = (): void => {
      this.apply(pool.tick(agenda.nowMs));
      agenda.at(agenda.nowMs + tickMs, tick);
    };
    tick();
    agenda.run(untilMs);
    for (const { bornMs } of pool.members.values()) this.containerMs += untilMs - bornMs;
    const { cold, most } = this;
    return { jobs: arrivals.length, cold, containerS: this.containerMs / MS_PER_S, most };
  }

  private arrive({ tool, tenant, runMs }: Arrival): void {
    const { agenda, pool } = this;
    const wish = {
      spec: specOf(tool),
      tenant: `t${tenant}` as TenantId,
      tool: `tool_${tool}` as ToolName,
      job: 'j' as JobId,
    };
    const answer = pool.claim(wish, agenda.nowMs);
    if (answer.kind === 'given') this.serve(answer.member, runMs);
    else {
      this.cold += 1;
      this.waiting.set(answer.waiter, { runMs, sinceMs: agenda.nowMs });
    }
    this.apply(pool.plan(agenda.nowMs));
  }

  private serve(member: Member, runMs: number): void {
    const { agenda, pool } = this;
    agenda.at(agenda.nowMs + runMs, () => {
      const what = this.options.reuse ? 'again' : 'end';
      if (pool.released(member, what, agenda.nowMs) === 'reset') pool.ready(member, agenda.nowMs);
      else this.end(member);
      this.apply(pool.plan(agenda.nowMs));
    });
  }

  private end(member: Member): void {
    const { agenda, pool } = this;
    agenda.at(agenda.nowMs + STOP_MS, () => {
      pool.gone(member);
      this.containerMs += agenda.nowMs - member.bornMs;
      this.apply(pool.plan(agenda.nowMs));
    });
  }

  private begin(member: Member): void {
    const { agenda, pool } = this;
    this.starting += 1;
    agenda.at(agenda.nowMs + this.options.startMs(this.starting), () => {
      this.starting -= 1;
      pool.ready(member, agenda.nowMs);
      this.apply(pool.plan(agenda.nowMs));
    });
  }

  private apply(actions: readonly PoolAction[]): void {
    const { agenda, pool } = this;
    for (const action of actions) {
      if (action.kind === 'start') this.begin(action.member);
      else if (action.kind === 'stop') this.end(action.member);
      else if (action.kind === 'give') {
        const { runMs, sinceMs } = this.waiting.get(action.waiter) ?? { runMs: 0, sinceMs: 0 };
        this.waiting.delete(action.waiter);
        this.waits.push({ atMs: sinceMs, tookMs: agenda.nowMs - sinceMs });
        this.serve(action.member, runMs);
      } else throw new Error(`refused: ${action.reason}`);
    }
    this.most = Math.max(this.most, pool.members.size);
  }
}
