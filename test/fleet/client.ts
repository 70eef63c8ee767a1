/** Clients of the fleet under test, and what tests do with them again and again. */
import type { JobView } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { inject } from 'vitest';

/** A client of the first or the second tenant. */
export const clientOf = (tenant: 0 | 1): ZerofleetClient => {
  const { apiUrl, keys } = inject('fleet');
  return new ZerofleetClient({ urls: [apiUrl], apiKey: keys[tenant] });
};

/** A job's output as bytes, both streams in the order they were written. */
export const outputOf = (job: JobView): Buffer =>
  Buffer.concat((job.output?.chunks ?? []).map((chunk) => Buffer.from(chunk.data, chunk.encoding)));

/** A raw request to the API, for what no client would send. A body goes as JSON unless `headers` say otherwise. */
export const raw = (path: string, init: RequestInit = {}, key = inject('fleet').keys[0]): Promise<Response> =>
  fetch(`${inject('fleet').apiUrl}${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${key}`,
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(init.headers as Record<string, string>),
    },
  });

/** The API key of the first or the second tenant. */
export const clientKey = (tenant: 0 | 1): string => inject('fleet').keys[tenant];
