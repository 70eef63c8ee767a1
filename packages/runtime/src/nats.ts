/** The NATS connection of a process: reconnects for ever, and says in the log when it is gone and back. */
import { connect, type NatsConnection } from 'nats';
import { readSecret, type NatsConfig } from './config.js';
import type { Logger } from './logger.js';

export type { NatsConnection } from 'nats';

/** Whether the connection is up just now, and since when it has been. */
export interface NatsLink {
  readonly connection: NatsConnection;
  isConnected(): boolean;
}

/** Connects, waiting for the server for ever. `onChange` hears every loss and return of the connection. */
export const connectNats = async (
  config: NatsConfig,
  name: string,
  log: Logger,
  onChange: (connected: boolean) => void = () => undefined,
): Promise<NatsLink> => {
  const password = readSecret(config.natsPasswordFile, 'ZF_NATS_PASSWORD_FILE');
  const connection = await connect({
    servers: config.natsUrl.split(',').map((url) => url.trim()),
    name,
    ...(config.natsUser === '' ? {} : { user: config.natsUser, pass: password }),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    pingInterval: 5_000,
    maxPingOut: 2,
    ignoreAuthErrorAbort: true,
    // Otherwise every request prepares an error with its stack, just in case: a tenth of a busy leader's time.
    noAsyncTraces: true,
  });
  let connected = true;
  const change = (now: boolean, event: string): void => {
    if (now === connected) return;
    connected = now;
    log[now ? 'info' : 'warn']({ server: connection.getServer() }, event);
    onChange(now);
  };
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') change(false, 'nats_disconnected');
      if (status.type === 'reconnect') change(true, 'nats_reconnected');
    }
  })();
  log.info({ server: connection.getServer(), version: connection.info?.version }, 'nats_connected');
  return { connection, isConnected: () => connected };
};
