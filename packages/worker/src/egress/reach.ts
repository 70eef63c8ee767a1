/**
 * From a host that a job may reach to a connection with it.
 *
 * W1  A name is looked up once. Every address that comes is checked, and one that no job may reach refuses all of them.
 * W2  The connection goes to an address that was checked (N2 of the network).
 * W3  All of it together is done, or refused, within its time.
 */
import type { Socket } from 'node:net';
import { parseIp, type Host, type IpAddress } from '@zerofleet/model';
import type { Clock } from '@zerofleet/runtime';
import type { AddressGuard } from './address-guard.js';
import type { Network } from './network.js';
import type { Refusal } from './refusal.js';

/** Addresses of a name that are tried, one after the other. */
const ADDRESSES_TRIED_MAX = 4;
/** A name with more addresses than this is not looked at. */
const ADDRESSES_MAX = 64;

export interface ReachTools {
  readonly network: Network;
  readonly guard: AddressGuard;
  readonly clock: Clock;
  /** Look-up and connection together, in ms. */
  readonly connectMs: number;
}

export type Reached =
  { readonly kind: 'reached'; readonly socket: Socket; readonly address: string } | Refusal;

/** A connection to `host`, which is `spelled` so, or why there is none. Rejects only when `signal` was aborted. */
export const reach = async (
  { host, spelled, port }: { readonly host: Host; readonly spelled: string; readonly port: number },
  tools: ReachTools,
  signal: AbortSignal,
): Promise<Reached> => {
  const deadlineMs = tools.clock.nowMs() + tools.connectMs;
  const found = host.kind === 'address' ? [spelled] : await lookUp(host.name, tools, signal);
  if ('kind' in found) return found;
  const judge = tools.guard.judge();
  for (const address of found) {
    const reason = refusalOf(address, judge);
    if (reason !== undefined)
      return {
        kind: 'refused',
        code: 'forbidden_address',
        message: `${spelled} has an address that no job may reach: it is ${reason}`,
        address,
      };
  }
  return connectToOne(found.slice(0, ADDRESSES_TRIED_MAX), { port, spelled, deadlineMs }, tools, signal);
};

const lookUp = async (
  name: string,
  { network, clock, connectMs }: ReachTools,
  signal: AbortSignal,
): Promise<readonly string[] | Refusal> => {
  const bounded = within(clock, connectMs, signal);
  try {
    const found = await network.resolve(name, bounded.signal);
    if (found.length > 0 && found.length <= ADDRESSES_MAX) return found;
    return { kind: 'refused', code: 'unresolved', message: `${name} has ${found.length} addresses` };
  } catch (error) {
    signal.throwIfAborted();
    if (bounded.signal.aborted)
      return { kind: 'refused', code: 'late', message: `${name} was not found in time` };
    return { kind: 'refused', code: 'unresolved', message: `${name} was not found: ${codeOf(error)}` };
  } finally {
    bounded.stop();
  }
};

const connectToOne = async (
  addresses: readonly string[],
  {
    port,
    spelled,
    deadlineMs,
  }: { readonly port: number; readonly spelled: string; readonly deadlineMs: number },
  { network, clock }: ReachTools,
  signal: AbortSignal,
): Promise<Reached> => {
  let reason = 'no time was left';
  let isLate = true;
  for (const [at, address] of addresses.entries()) {
    const leftMs = deadlineMs - clock.nowMs();
    if (leftMs <= 0) break;
    // Those that come after have as much time as this one.
    const bounded = within(clock, leftMs / (addresses.length - at), signal);
    try {
      const socket = await network.dial(address, port, bounded.signal);
      return { kind: 'reached', socket, address };
    } catch (error) {
      signal.throwIfAborted();
      isLate = bounded.signal.aborted;
      reason = isLate ? 'it did not answer in time' : codeOf(error);
    } finally {
      bounded.stop();
    }
  }
  const message = `${spelled} at port ${port} cannot be reached: ${reason}`;
  return { kind: 'refused', code: isLate ? 'late' : 'unreachable', message };
};

const refusalOf = (address: string, judge: (ip: IpAddress) => string | undefined): string | undefined => {
  const ip = parseIp(address);
  return ip === undefined ? 'not one that can be read' : judge(ip);
};

/** A signal that is aborted with `signal`, or after `ms`. */
const within = (clock: Clock, ms: number, signal: AbortSignal): { signal: AbortSignal; stop: () => void } => {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const cancel = clock.after(ms, abort);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return {
    signal: controller.signal,
    stop: () => {
      cancel();
      signal.removeEventListener('abort', abort);
    },
  };
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'no reason given';
