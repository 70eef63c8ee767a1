/**
 * Which addresses no job may reach, whatever its tool's definition lists.
 *
 * G1  Only addresses of the public internet are left; of them neither what operators deny nor the networks that this worker is
 *     itself in, so an overlay or a bridge of unusual addresses is no way in either.
 */
import { isWithin, notPublicBecause, type IpAddress, type IpRange } from '@zerofleet/model';

export class AddressGuard {
  private readonly denied: readonly IpRange[];
  private readonly ownNetworks: () => readonly IpRange[];

  /** `ownNetworks` is asked for each look-up: a container may be given another network while it runs. */
  constructor(denied: readonly IpRange[], ownNetworks: () => readonly IpRange[]) {
    this.denied = denied;
    this.ownNetworks = ownNetworks;
  }

  /** Says of each address of one look-up why no job may reach it, in a few words, or undefined. */
  judge(): (ip: IpAddress) => string | undefined {
    let own: readonly IpRange[] | undefined;
    return (ip) => {
      const reason = notPublicBecause(ip);
      if (reason !== undefined) return reason;
      if (this.denied.some((range) => isWithin(range, ip))) return 'denied by the operator';
      own ??= this.ownNetworks();
      return own.some((range) => isWithin(range, ip)) ? "in the worker's own network" : undefined;
    };
  }
}
