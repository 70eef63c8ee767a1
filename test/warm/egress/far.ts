/** The far end of an island's network, as the island's process sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '@zerofleet/launch';
import type { FarPlan } from './far-main.js';
import type { Guests } from './listeners.js';
import { nextMessage } from './message.js';
import { joinFar, makeNear } from './network.js';

const ENTRY = join(ROOT, 'test', 'dist', 'warm', 'egress', 'far-main.js');

export class Far {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Makes both ends of the network, and opens the way between them. */
  static async start(plan: FarPlan): Promise<Far> {
    const far = new Far(fork(ENTRY, { execPath: 'unshare', execArgv: ['--net', process.execPath] }));
    // It has its namespace by now.
    await nextMessage<Guests>(far.child);
    await makeNear(plan.network, far.child.pid ?? 0);
    await far.ask(plan);
    await joinFar(plan.network);
    return far;
  }

  /** Who came there. One question at a time. */
  guests(): Promise<Guests> {
    return this.ask({});
  }

  private ask(message: object): Promise<Guests> {
    this.child.send(message);
    return nextMessage<Guests>(this.child);
  }
}
