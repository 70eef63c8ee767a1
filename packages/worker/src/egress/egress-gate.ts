/**
 * Egress of one attempt: decides on each tunnel that its job asks for, and carries the bytes of those it lets through.
 *
 * E1  Nothing is looked up and nobody is spoken to for a host that is not on the list.
 * E2  Tunnels at once, tunnels in all, bytes and times are limited for the job, whatever its runner says.
 * E3  What was begun for a tunnel ends with it, and the link ends all tunnels with the run.
 */
import { parseHost, type Host } from '@zerofleet/model';
import type { TunnelRequest } from '../runner/messages.js';
import type { TunnelHandler } from '../runner/tunnels.js';
import type { Audit } from './audit.js';
import { ByteBudget } from './byte-budget.js';
import type { EgressMetrics } from './egress-metrics.js';
import { HostStream, type TunnelSide } from './host-stream.js';
import { reach, type Reached, type ReachTools } from './reach.js';
import type { Refusal, RefusalCode } from './refusal.js';

/** Tunnels that one job may ask for in all. */
const ASKED_MAX = 20_000;

export interface GateLimits {
  /** Sent and received by one job, together. */
  readonly bytesMax: number;
  /** Tunnels of one job at once. */
  readonly tunnelsMax: number;
  /** How long one may last, in ms. */
  readonly tunnelMs: number;
}

export interface EgressGateOptions extends ReachTools {
  readonly limits: GateLimits;
  /** Whether the job's tool may reach it; undefined where egress is off. */
  readonly allows: ((host: Host, port: number) => boolean) | undefined;
  /** Takes one of the worker's tunnels; false when there is none left. */
  readonly take: () => boolean;
  readonly giveBack: () => void;
  readonly audit: Audit;
  readonly metrics: EgressMetrics;
}

interface Opening {
  readonly request: TunnelRequest;
  readonly abort: AbortController;
}

interface Open {
  readonly request: TunnelRequest;
  readonly address: string;
  readonly stream: HostStream;
}

export class EgressGate implements TunnelHandler {
  private readonly options: EgressGateOptions;
  private readonly tunnels: TunnelSide;
  private readonly budget: ByteBudget;
  private readonly held = new Map<number, Opening | Open>();
  private asked = 0;

  constructor(options: EgressGateOptions, tunnels: TunnelSide) {
    this.options = options;
    this.tunnels = tunnels;
    this.budget = new ByteBudget(options.limits.bytesMax, () => this.shutAll('its job has no bytes left'));
  }

  open(request: TunnelRequest): void {
    this.asked += 1;
    const host = parseHost(request.host);
    const refusal = this.judge(request, host);
    if (refusal !== undefined || host === undefined) return this.refuse(request, refusal ?? badHost);
    if (!this.options.take())
      return this.refuse(request, no('busy', 'the worker has as many tunnels as it may'));
    const opening: Opening = { request, abort: new AbortController() };
    this.held.set(request.id, opening);
    void this.connect(opening, host);
  }

  data(id: number, bytes: Buffer): void {
    this.streamOf(id)?.data(bytes);
  }

  finished(id: number): void {
    this.streamOf(id)?.finished();
  }

  room(id: number): void {
    this.streamOf(id)?.room();
  }

  closed(id: number, reason: string): void {
    const held = this.held.get(id);
    if (held === undefined) return;
    this.held.delete(id);
    this.options.giveBack();
    if ('abort' in held) return held.abort.abort();
    const { request, address, stream } = held;
    const { bytes, lastedMs } = stream;
    stream.close();
    this.options.metrics.ended(bytes);
    this.options.audit.ended(request, { address, bytes, lastedMs, reason });
  }

  /** The attempt is over; its tunnels have ended with the run. */
  end(): void {
    this.options.audit.end();
  }

  /** Why a request is refused before anything is done for it (E1, E2). */
  private judge({ host: spelled, port }: TunnelRequest, host: Host | undefined): Refusal | undefined {
    const { allows, limits } = this.options;
    if (allows === undefined) return no('off', 'egress is off at this worker');
    if (host === undefined) return badHost;
    if (!allows(host, port))
      return no('not_allowed', `${spelled} at port ${port} is not on this tool's list of hosts`);
    if (this.budget.isSpent) return no('spent', `this job has used its ${limits.bytesMax} bytes`);
    if (this.held.size >= limits.tunnelsMax)
      return no('busy', `${limits.tunnelsMax} connections are open already`);
    return this.asked > ASKED_MAX
      ? no('spent', `this job has asked for ${ASKED_MAX} connections`)
      : undefined;
  }

  private async connect(opening: Opening, host: Host): Promise<void> {
    const { request, abort } = opening;
    const { clock } = this.options;
    const startedMs = clock.nowMs();
    const { host: spelled, port } = request;
    let reached: Reached;
    try {
      reached = await reach({ host, spelled, port }, this.options, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return;
      reached = no('unreachable', `${spelled} cannot be reached: ${(error as Error).message}`);
    }
    if (reached.kind === 'refused') return this.refuse(request, reached);
    if (this.held.get(request.id) !== opening) return void reached.socket.destroy();
    this.options.metrics.opened(clock.nowMs() - startedMs);
    this.carry(request, reached);
  }

  private carry(request: TunnelRequest, { socket, address }: Extract<Reached, { kind: 'reached' }>): void {
    const { id } = request;
    const { clock, limits } = this.options;
    const { tunnels, budget } = this;
    const stream = new HostStream({ id, socket, tunnels, budget, clock, tunnelMs: limits.tunnelMs });
    this.held.set(id, { request, address, stream });
    tunnels.opened(id);
  }

  private refuse(request: TunnelRequest, refusal: Refusal): void {
    this.options.metrics.refused(refusal.code);
    this.options.audit.refused(request, refusal);
    this.tunnels.refuse(request.id, refusal.code, refusal.message);
  }

  private shutAll(reason: string): void {
    for (const id of [...this.held.keys()]) this.tunnels.shut(id, reason);
  }

  private streamOf(id: number): HostStream | undefined {
    const held = this.held.get(id);
    return held !== undefined && 'stream' in held ? held.stream : undefined;
  }
}

const no = (code: RefusalCode, message: string): Refusal => ({ kind: 'refused', code, message });
const badHost = no('bad_host', 'this is no host name, and no address as addresses are written');
