/** The worker's settings of egress. docs/config.md lists them. */
import { parseRange, type IpRange } from '@zerofleet/model';
import type { ConfigSchema } from '@zerofleet/runtime';
import type { EgressSettings } from './egress.js';

export interface EgressConfig {
  egress: string;
  egressDenyCidrs: string;
  egressBytesMax: number;
  egressTunnelsMax: number;
  egressConnectMs: number;
  egressTunnelMs: number;
}

export const egressSchema: ConfigSchema<EgressConfig> = {
  egress: {
    doc: 'Whether jobs reach the hosts that their tools list',
    format: ['on', 'off'],
    default: 'on',
    env: 'ZF_EGRESS',
  },
  egressDenyCidrs: {
    doc: 'Further addresses that no job may reach, as ranges, comma separated',
    format: String,
    default: '',
    env: 'ZF_EGRESS_DENY_CIDRS',
  },
  egressBytesMax: {
    doc: 'Bytes that a job sends and receives, together, at most',
    format: 'positive',
    default: 1024 * 1024 * 1024,
    env: 'ZF_EGRESS_BYTES_MAX',
  },
  egressTunnelsMax: {
    doc: 'Connections of a job at once, at most',
    format: 'positive',
    default: 32,
    env: 'ZF_EGRESS_TUNNELS_MAX',
  },
  egressConnectMs: {
    doc: 'Time to find and reach a host, in ms',
    format: 'positive',
    default: 10_000,
    env: 'ZF_EGRESS_CONNECT_MS',
  },
  egressTunnelMs: {
    doc: 'How long a connection may last, in ms',
    format: 'positive',
    default: 600_000,
    env: 'ZF_EGRESS_TUNNEL_MS',
  },
};

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

/** What is wrong with the settings together, or undefined. */
export const egressRelations = ({ egressDenyCidrs }: EgressConfig): string | undefined => {
  const bad = listOf(egressDenyCidrs).find((text) => parseRange(text) === undefined);
  return bad === undefined
    ? undefined
    : `ZF_EGRESS_DENY_CIDRS holds '${bad}', which is no range of addresses`;
};

export const egressSettingsOf = (config: Readonly<EgressConfig>): EgressSettings => ({
  isOn: config.egress === 'on',
  denied: listOf(config.egressDenyCidrs)
    .map(parseRange)
    .filter((range): range is IpRange => range !== undefined),
  bytesMax: config.egressBytesMax,
  tunnelsMax: config.egressTunnelsMax,
  connectMs: config.egressConnectMs,
  tunnelMs: config.egressTunnelMs,
});
