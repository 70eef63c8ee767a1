/**
 * Which addresses no job may reach, whatever its tool's definition lists.
 *
 * G1  Only addresses of the public internet are left; of them neither what operators deny nor the networks that this worker is
 *     itself in, so an overlay or a bridge of unusual addresses is no way in either.
 */
import { networkInterfaces } from 'node:os';
import {
  isWithin,
  notPublicBecause,
  parseIp,
  rangeAround,
  type IpAddress,
  type IpRange,
} from '@zerofleet/model';

export class AddressGuard {
  private readonly denied: readonly IpRange[];
  private readonly ownNetworks: () => readonly IpRange[];

  /** `ownNetworks` is asked every time: a container may be given another network while it runs. */
  constructor(denied: readonly IpRange[], ownNetworks: () => readonly IpRange[]) {
    this.denied = denied;
    this.ownNetworks = ownNetworks;
  }

  /** Why no job may reach `ip`, in a few words, or undefined. */
  refusal(ip: IpAddress): string | undefined {
    const reason = notPublicBecause(ip);
    if (reason !== undefined) return reason;
    if (this.denied.some((range) => isWithin(range, ip))) return 'denied by the operator';
    return this.ownNetworks().some((range) => isWithin(range, ip))
      ? "in the worker's own network"
      : undefined;
  }
}

/** The networks that this machine, or this container, has an address in. */
export const networksOfThisHost = (): IpRange[] =>
  Object.values(networkInterfaces()).flatMap((entries = []) =>
    entries.flatMap(({ address, cidr }) => {
      const ip = parseIp(address);
      if (ip === undefined) return [];
      const prefix = Number(cidr?.split('/')[1] ?? (ip.version === 4 ? 32 : 128));
      return [rangeAround(ip, prefix)];
    }),
  );
