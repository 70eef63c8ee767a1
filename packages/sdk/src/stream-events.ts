/** Server-sent events as job events. */
import { jsonParser, JobViewShape, type JobStreamEvent } from '@zerofleet/protocol';
import type { OutputChunk } from '@zerofleet/model';
import { isRecord } from './answers.js';

const parseJobView = jsonParser(JobViewShape);

/** `unknown`: an event of a newer server, to be passed over. `malformed`: the connection cannot be trusted. */
export type ParsedEvent =
  | { readonly kind: 'event'; readonly event: JobStreamEvent }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** The job event with SSE type `type` and body `data`. */
export const parseJobEvent = (type: string, data: string): ParsedEvent => {
  if (!TYPES.has(type)) return { kind: 'unknown' };
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { kind: 'malformed', reason: `a ${type} event is not JSON` };
  }
  const event = isRecord(value) ? eventOf(type, value) : undefined;
  return event === undefined
    ? { kind: 'malformed', reason: `a ${type} event does not fit` }
    : { kind: 'event', event };
};

const TYPES: ReadonlySet<string> = new Set([
  'state',
  'attempt',
  'output',
  'truncated',
] satisfies JobStreamEvent['type'][]);

const eventOf = (type: string, value: Record<string, unknown>): JobStreamEvent | undefined => {
  const { attempt, bytes, chunk } = value;
  if (type === 'state') {
    const job = parseJobView(Buffer.from(JSON.stringify(value['job'] ?? null)));
    return job.ok ? { type, job: job.value } : undefined;
  }
  if (!isCount(attempt) || attempt === 0) return undefined;
  if (type === 'attempt') return { type, attempt };
  if (type === 'output') return isChunk(chunk) ? { type, attempt, chunk } : undefined;
  return type === 'truncated' && isCount(bytes) ? { type, attempt, bytes } : undefined;
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isChunk = (value: unknown): value is OutputChunk =>
  isRecord(value) &&
  isCount(value['offset']) &&
  (value['stream'] === 'stdout' || value['stream'] === 'stderr') &&
  (value['encoding'] === 'utf8' || value['encoding'] === 'base64') &&
  typeof value['data'] === 'string';
