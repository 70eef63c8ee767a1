/**
 * A whole fleet on a network of its own, in which a test decides what is where: who answers at public addresses, and who at those
 * that no job may reach. Product code and settings are those of any fleet; only the machine's network is another one.
 *
 * I1  It needs root, or a kernel that lets its user make namespaces.
 * I2  It ends with close(), and with this process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureIproute, ROOT } from '@zerofleet/launch';
import type { JobView, Submit } from '@zerofleet/protocol';
import type { Place } from '../../abuse/harness/places.js';
import { nextMessage } from './message.js';
import type { NetworkPlan } from './network.js';
import type { Zone } from './name-server.js';

/** What an island is made of. */
export interface IslandPlan {
  readonly network: NetworkPlan;
  readonly zone: Zone;
  /** Where a web server answers whoever gets there, `address:port`. */
  readonly places: readonly string[];
  /** Hosts that code_execution lists. */
  readonly hosts: readonly string[];
  /** A name that it lists too, at the port of each of the fleet's services. */
  readonly service: string;
  /** Further environment of coordinator and worker. */
  readonly env: Readonly<Record<string, string>>;
}

/** What listens in a fleet. */
export const SERVICES = ['api', 'nats', 'nats monitor', 'redis', 'coordinator', 'broker', 'worker'] as const;
export type Service = (typeof SERVICES)[number];

export interface IslandFacts {
  readonly ports: Readonly<Record<Service, number>>;
  /** Those of `places` that answered a program beside the worker. */
  readonly answered: readonly string[];
  /** Everything that is around, by every way there is without a proxy. */
  readonly forbidden: readonly Place[];
}

/** What was seen from outside of the containers since the start. */
export interface Seen {
  /** Places that somebody came to, in order. */
  readonly visits: readonly string[];
  /** `host path` of what was asked for there. */
  readonly requests: readonly string[];
  /** Names that were looked up. */
  readonly asked: readonly string[];
  /** The worker's `zf_egress_tunnels_total`, by verdict. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** The worker's log lines of egress. */
  readonly audit: readonly AuditLine[];
}

export interface AuditLine {
  readonly msg: string;
  readonly verdict: string;
  readonly host: string;
  readonly port: number;
  readonly tenant: string;
  readonly tool: string;
}

/** What its process is told, after the plan, and what it answers. */
export type Question =
  { readonly n: number; readonly submit: Submit } | { readonly n: number; readonly submit?: undefined };
export type Answer =
  { readonly n: number; readonly value: unknown } | { readonly n: number; readonly error: string };

const ENTRY = join(ROOT, 'test', 'dist', 'warm', 'egress', 'island-main.js');

export class Island {
  readonly facts: IslandFacts;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private asked = 0;

  private constructor(child: ChildProcess, facts: IslandFacts) {
    this.child = child;
    this.facts = facts;
    child.on('message', (answer: Answer) => this.waiting.get(answer.n)?.(answer));
    child.once('exit', (code) => {
      for (const n of this.waiting.keys())
        this.waiting.get(n)?.({ n, error: `the island ended: ${code ?? 'killed'}` });
    });
  }

  /** Starts one. Its process says at the terminal why it could not. */
  static async start(plan: IslandPlan): Promise<Island> {
    await ensureIproute();
    const asUser = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const child = fork(ENTRY, {
      execPath: 'unshare',
      execArgv: [...asUser, '--net', '--mount', process.execPath],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.send(plan);
    return new Island(child, await nextMessage<IslandFacts>(child));
  }

  /** Submits a job and waits for its outcome. */
  run(submit: Submit): Promise<JobView> {
    return this.ask<JobView>({ submit });
  }

  look(): Promise<Seen> {
    return this.ask<Seen>({});
  }

  async close(): Promise<void> {
    if (!this.child.connected) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private ask<T>(question: { readonly submit?: Submit }): Promise<T> {
    const n = (this.asked += 1);
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(n, (answer) => {
        this.waiting.delete(n);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer.value as T);
      });
      this.child.send({ n, ...question });
    });
  }
}
