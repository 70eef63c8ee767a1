/**
 * What operators can read about a job's tunnels: host, port, verdict, bytes, and never what was sent or asked for.
 *
 * J1  A job makes at most LINES_MAX lines and one that counts the rest: whoever asks for tunnels all day fills no disk.
 * J2  A host is the job's word: what is a secret of the tenant's in it is hidden, as in output.
 */
import type { RunJob } from '@zerofleet/protocol';
import type { Logger } from '@zerofleet/runtime';
import type { TunnelRequest } from '../runner/messages.js';
import type { Refusal } from './refusal.js';

const LINES_MAX = 200;

export interface Ending {
  readonly address: string;
  readonly bytes: { readonly up: number; readonly down: number };
  readonly lastedMs: number;
  readonly reason: string;
}

export class Audit {
  private readonly log: Logger;
  private readonly show: (text: string) => string;
  private lines = 0;

  constructor(log: Logger, { id, attempt, form }: RunJob, show: (text: string) => string) {
    this.log = log.child({ job: id, attempt, tenant: form.tenant, tool: form.tool });
    this.show = show;
  }

  refused(request: TunnelRequest, { code, address }: Refusal): void {
    if (this.isCut()) return;
    const asked = this.askedOf(request);
    this.log.info(
      { ...asked, verdict: code, ...(address === undefined ? {} : { address }) },
      'egress_refused',
    );
  }

  ended(request: TunnelRequest, { address, bytes, lastedMs, reason }: Ending): void {
    if (this.isCut()) return;
    const asked = this.askedOf(request);
    const took = { ...bytes, ms: Math.round(lastedMs), reason: this.show(reason) };
    this.log.info({ ...asked, verdict: 'opened', address, ...took }, 'egress_tunnel');
  }

  /** The job is over. */
  end(): void {
    if (this.lines > LINES_MAX) this.log.info({ tunnels: this.lines - LINES_MAX }, 'egress_not_logged');
  }

  private isCut(): boolean {
    this.lines += 1;
    return this.lines > LINES_MAX;
  }

  private askedOf({ host, port, kind }: TunnelRequest): { host: string; port: number; kind: string } {
    return { host: this.show(host), port, kind };
  }
}
