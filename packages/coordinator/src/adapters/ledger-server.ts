/**
 * What can be said of the NATS server behind the ledger: whether an acknowledged append is on disk.
 *
 * `sync_interval: always` exists from 2.10 on; whether a server runs with it shows only on its monitoring port.
 * Where that cannot be asked, acceptance counts as not synced: a promise needs evidence.
 */
import type { NatsConnection } from '@zerofleet/runtime';

export interface LedgerServer {
  readonly version: string;
  readonly syncedAcceptance: boolean;
  /** One sentence for people. */
  readonly detail: string;
}

const ASK_TIMEOUT_MS = 2_000;

/** Asks `monitorUrl` (empty: none configured) about the server of `connection`. Never throws. */
export const inspectLedgerServer = async (
  connection: NatsConnection,
  monitorUrl: string,
): Promise<LedgerServer> => {
  const version = connection.info?.version ?? 'unknown';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 10))
    return {
      version,
      syncedAcceptance: false,
      detail: `nats-server ${version} cannot sync each append; use 2.10 or newer`,
    };
  if (monitorUrl === '')
    return { version, syncedAcceptance: false, detail: 'not known: ZF_NATS_MONITOR_URL is not set' };
  try {
    const answer = await fetch(new URL('/varz', monitorUrl), { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    const varz = (await answer.json()) as { jetstream?: { config?: { sync_always?: boolean } } };
    return varz.jetstream?.config?.sync_always === true
      ? { version, syncedAcceptance: true, detail: 'every acceptance is on disk before it is answered' }
      : { version, syncedAcceptance: false, detail: 'the server runs without `sync_interval: always`' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      version,
      syncedAcceptance: false,
      detail: `not known: ${monitorUrl} did not answer (${reason})`,
    };
  }
};
