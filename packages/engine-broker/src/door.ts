/**
 * What a call must be before anything of it is done. There are few, all short, all made by our own worker: what differs
 * from them in any way is refused, also where it would do no harm.
 *
 * E1  A header that decides something comes once; who calls is looked at before all else, tokens in constant time.
 * E2  A body is content-length bytes: no chunks, no trailers, no compression, no expectations, and only where one belongs.
 * E3  A path is one of the list, letter by letter: no query, no escapes, no other form of it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parseBootId, parseWorkerId } from '@zerofleet/model';
import { BROKER_BOOT_HEADER, BROKER_UPGRADE, BROKER_WORKER_HEADER } from '@zerofleet/protocol';
import type { Owner } from './create-body.js';
import { Refusal } from './refusal.js';

const BODY_BYTES_MAX = 4_096;

/** A call of the contract, protocol/broker.ts. */
export type Call =
  | { readonly kind: 'create' | 'pull'; readonly bytes: number }
  | { readonly kind: 'list' | 'engine' | 'images' }
  | { readonly kind: 'attach' | 'end' | 'remove'; readonly id: string };

/** The engine's own ids: nothing that could be a name or a path. */
const ID = '([0-9a-f]{64})';
const CALLS: readonly (readonly [method: string, path: RegExp, kind: Call['kind']])[] = [
  ['POST', /^\/v1\/containers$/, 'create'],
  ['GET', /^\/v1\/containers$/, 'list'],
  ['GET', /^\/v1\/engine$/, 'engine'],
  ['GET', new RegExp(`^/v1/containers/${ID}/attach$`), 'attach'],
  ['DELETE', new RegExp(`^/v1/containers/${ID}$`), 'end'],
  ['GET', /^\/v1\/images$/, 'images'],
  ['POST', /^\/v1\/images\/pull$/, 'pull'],
  ['DELETE', /^\/v1\/images\/(sha256:[0-9a-f]{64})$/, 'remove'],
];

/** Headers that our worker does not send, and that change what a body is or who reads it. */
const NEVER = ['transfer-encoding', 'trailer', 'te', 'content-encoding', 'expect'];
/** Headers that decide something: each at most once. */
const ONCE = ['host', 'connection', 'upgrade', 'content-type', 'content-length'];

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Who calls. Throws Refusal. */
export const callerOf = ({ headersDistinct: headers }: IncomingMessage, token: string): Owner => {
  const one = (name: string): string => (headers[name]?.length === 1 ? (headers[name][0] ?? '') : '');
  const given = /^Bearer (.+)$/.exec(one('authorization'))?.[1] ?? '';
  const isRight = timingSafeEqual(digest(given), digest(token));
  const worker = parseWorkerId(one(BROKER_WORKER_HEADER));
  const boot = parseBootId(one(BROKER_BOOT_HEADER));
  if (!isRight || worker === undefined || boot === undefined)
    throw new Refusal('unauthorized', 'no valid token, worker and boot');
  return { worker, boot };
};

/** Which call this is. Throws Refusal. */
export const callOf = (message: IncomingMessage): Call => {
  const headers = message.headersDistinct;
  const odd =
    NEVER.find((name) => headers[name] !== undefined) ??
    ONCE.find((name) => (headers[name]?.length ?? 0) > 1);
  if (message.httpVersion !== '1.1' || headers['host'] === undefined)
    throw new Refusal('malformed', 'not HTTP/1.1 with a host');
  if (headers['expect'] !== undefined) throw new Refusal('expectation', 'no expectation is met here');
  if (odd === 'transfer-encoding') throw new Refusal('length_required', 'a body comes with its length');
  if (odd !== undefined) throw new Refusal('malformed', `the header ${odd} is not for here, or comes twice`);
  for (const [method, path, kind] of CALLS) {
    const match = message.method === method ? path.exec(message.url ?? '') : null;
    if (match !== null) return complete(kind, match[1] ?? '', message);
  }
  throw new Refusal('not_found', 'no such call');
};

const complete = (kind: Call['kind'], id: string, { headers }: IncomingMessage): Call => {
  if (kind !== 'attach' && headers.upgrade !== undefined)
    throw new Refusal('malformed', 'this call is no upgrade');
  if (kind === 'create' || kind === 'pull') return { kind, bytes: bodyBytes(headers) };
  if ((headers['content-length'] ?? '0') !== '0') throw new Refusal('malformed', 'this call has no body');
  if (kind === 'attach' && headers.upgrade !== BROKER_UPGRADE)
    throw new Refusal('upgrade_required', `an attach is an upgrade to ${BROKER_UPGRADE}`);
  return kind === 'attach' || kind === 'end' || kind === 'remove' ? { kind, id } : { kind };
};

const bodyBytes = (headers: IncomingMessage['headers']): number => {
  const length = headers['content-length'];
  if (length === undefined) throw new Refusal('length_required', 'a body comes with its length');
  if (headers['content-type'] !== 'application/json')
    throw new Refusal('not_json', 'a body is application/json');
  const bytes = Number(length);
  if (bytes > BODY_BYTES_MAX) throw new Refusal('too_large', `a body has ${BODY_BYTES_MAX} bytes at most`);
  return bytes;
};
