/** Reads a JetStream stream to its end, message by message: no consumer is made, nothing of the stream changes. */
import type { NatsConnection } from '@zerofleet/runtime';

/** Requests in flight. */
const AT_ONCE = 64;
const REQUEST_MS = 10_000;

/** The server's word for a message that was purged. */
const NO_MESSAGE = 404;

interface Found {
  readonly message?: { readonly data?: string; readonly seq: number };
  readonly error?: { readonly code: number; readonly description: string };
}

interface StreamState {
  readonly first_seq: number;
  readonly last_seq: number;
}

/** Calls `take` with every message that is in `stream` now, in order; what was purged is left out. */
export const readStream = async (
  connection: NatsConnection,
  stream: string,
  take: (data: Uint8Array, seq: number) => void,
): Promise<void> => {
  const ask = async <T>(subject: string, body: object): Promise<T> => {
    const reply = await connection.request(`$JS.API.STREAM.${subject}.${stream}`, JSON.stringify(body), {
      timeout: REQUEST_MS,
    });
    return reply.json<T>();
  };
  const { state } = await ask<{ state?: StreamState }>('INFO', {});
  if (state === undefined) throw new Error(`there is no stream ${stream}`);
  // An empty stream begins at 0, which is no sequence.
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += AT_ONCE) {
    const seqs = Array.from({ length: Math.min(AT_ONCE, state.last_seq - seq + 1) }, (_, n) => seq + n);
    const answers = await Promise.all(seqs.map((one) => ask<Found>('MSG.GET', { seq: one })));
    for (const { message, error } of answers) {
      if (message !== undefined) take(Buffer.from(message.data ?? '', 'base64'), message.seq);
      else if (error?.code !== NO_MESSAGE)
        throw new Error(`${stream} cannot be read: ${error?.description ?? ''}`);
    }
  }
};
