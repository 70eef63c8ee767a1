/**
 * Egress of this worker: what the attempts' gates have in common.
 *
 * X1  A job reaches what both the leader's definition of its tool and this worker's own list. Whichever of them is older, or
 *     forged, can only take away.
 * X2  All jobs together have at most TUNNELS_MAX tunnels, so that what waits in them is bounded.
 */
import {
  covers,
  parseHostPattern,
  type Egress as Listed,
  type Host,
  type HostPattern,
  type IpRange,
  type ToolDefinition,
  type ToolName,
} from '@zerofleet/model';
import type { RunJob } from '@zerofleet/protocol';
import type { Clock, Logger, Registry } from '@zerofleet/runtime';
import { AddressGuard } from './address-guard.js';
import { Audit } from './audit.js';
import { EgressGate, type GateLimits } from './egress-gate.js';
import { EgressMetrics } from './egress-metrics.js';
import type { TunnelSide } from './host-stream.js';
import { systemNetwork, type Network } from './network.js';

/** Tunnels of all jobs at once. Each may hold a megabyte at the very worst. */
const TUNNELS_MAX = 256;

export interface EgressSettings extends GateLimits {
  readonly isOn: boolean;
  /** Refused beside what is not public. */
  readonly denied: readonly IpRange[];
  /** Look-up and connection of one tunnel, in ms. */
  readonly connectMs: number;
}

export interface EgressOptions {
  readonly settings: EgressSettings;
  readonly tools: readonly ToolDefinition[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** The system's own where it is left out. */
  readonly network?: Network;
}

export class Egress {
  private readonly options: EgressOptions;
  private readonly network: Network;
  private readonly guard: AddressGuard;
  private readonly metrics: EgressMetrics;
  private readonly own: ReadonlyMap<ToolName, readonly HostPattern[]>;
  private tunnels = 0;

  constructor(options: EgressOptions) {
    this.options = options;
    this.network = options.network ?? systemNetwork;
    this.guard = new AddressGuard(options.settings.denied, () => this.network.ownNetworks());
    this.metrics = new EgressMetrics(options.registry, () => this.tunnels);
    this.own = new Map(options.tools.map(({ name, egress }) => [name, patternsOf(egress)]));
  }

  /** Who decides on the tunnels of `job`; `show` hides its secrets in what is logged. */
  gateFor(job: RunJob, tunnels: TunnelSide, show: (text: string) => string): EgressGate {
    const { settings, clock, log } = this.options;
    const { network, guard, metrics } = this;
    return new EgressGate(
      {
        ...{ network, guard, clock, metrics, limits: settings, connectMs: settings.connectMs },
        allows: settings.isOn ? this.allowsOf(job) : undefined,
        take: () => this.take(),
        giveBack: () => {
          this.tunnels -= 1;
        },
        audit: new Audit(log, job, show),
      },
      tunnels,
    );
  }

  private allowsOf({ form }: RunJob): (host: Host, port: number) => boolean {
    // X1
    const lists = [patternsOf(form.egress), this.own.get(form.tool) ?? []];
    return (host, port) => lists.every((list) => list.some((pattern) => covers(pattern, host, port)));
  }

  private take(): boolean {
    if (this.tunnels === TUNNELS_MAX) return false;
    this.tunnels += 1;
    return true;
  }
}

/** The patterns of a list. One that this release cannot read lets nothing through. */
const patternsOf = (listed: Listed | undefined): HostPattern[] =>
  (listed?.hosts ?? []).map(parseHostPattern).filter((pattern) => typeof pattern !== 'string');
