/** One call that looks like two, two that look like one, and upgrades that are none. */
import type { Ground } from '../ground.js';
import { callText } from '../wire.js';
import {
  attach,
  caller,
  create,
  get,
  goodBody,
  group,
  JSON_TYPE,
  UPGRADE,
  type HostileCall,
  type Row,
} from './call.js';

const chunked = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const smuggled = (g: Ground): string => get(g, `/v1/containers/${g.attached}`, 'DELETE');
const post = (g: Ground, headers: readonly string[], text: string): string =>
  callText('POST /v1/containers HTTP/1.1', [...caller(g), JSON_TYPE, ...headers], text);

const smuggling = group('smuggling', [
  ['chunks', (g) => post(g, ['transfer-encoding: chunked'], chunked(goodBody(g))), '411 length_required'],
  [
    'a length and chunks',
    (g) => post(g, ['content-length: 4', 'transfer-encoding: chunked'], `0\r\n\r\n${smuggled(g)}`),
    '400 malformed',
  ],
  [
    'chunks and a length',
    (g) => post(g, ['transfer-encoding: chunked', 'content-length: 4'], `0\r\n\r\n${smuggled(g)}`),
    '400 malformed',
  ],
  [
    'chunks under another name',
    (g) => post(g, ['transfer-encoding: xchunked'], chunked(goodBody(g))),
    '411 length_required',
  ],
  [
    'chunks behind something else',
    (g) => post(g, ['transfer-encoding: gzip, chunked'], chunked(goodBody(g))),
    '411 length_required',
  ],
  [
    'chunks with a blank before the colon',
    (g) => post(g, ['transfer-encoding : chunked'], chunked(goodBody(g))),
    '400 malformed',
  ],
  ['two lengths', (g) => post(g, ['content-length: 2', 'content-length: 40'], '{}'), '400 malformed'],
  ['two lengths in one', (g) => post(g, ['content-length: 2, 2'], '{}'), '400 malformed'],
  ['a length with a sign', (g) => post(g, ['content-length: +2'], '{}'), '400 malformed'],
  ['a length in hex', (g) => post(g, ['content-length: 0x2'], '{}'), '400 malformed'],
  ['a length below zero', (g) => post(g, ['content-length: -1'], '{}'), '400 malformed'],
  ['no length', (g) => post(g, [], ''), '411 length_required'],
  ['a trailer', (g) => create(g, goodBody(g), [...caller(g), 'trailer: zf-boot']), '400 malformed'],
  [
    'a header in two lines',
    (g) => get(g, '/v1/containers', 'GET', [...caller(g), 'x: a', ' b: c']),
    '400 malformed',
  ],
  ['a bare line feed', (g) => get(g, '/v1/containers').replaceAll('\r\n', '\n'), '400 malformed'],
  ['a bare return', (g) => get(g, '/v1/containers', 'GET', [...caller(g), 'x: a\rb: c']), '400 malformed'],
  ['a NUL in a header', (g) => get(g, '/v1/containers', 'GET', [...caller(g), 'x: a\0b']), '400 malformed'],
  ['a header without a colon', (g) => get(g, '/v1/containers', 'GET', [...caller(g), 'x']), '400 malformed'],
  ['no host', (g) => get(g, '/v1/containers', 'GET', caller(g).slice(1)), '400 malformed'],
  ['two hosts', (g) => get(g, '/v1/containers', 'GET', [...caller(g), 'host: b']), '400 malformed'],
  [
    'an expectation',
    (g) => create(g, goodBody(g), [...caller(g), 'expect: 100-continue']),
    '417 expectation',
  ],
  [
    'another expectation',
    (g) => create(g, goodBody(g), [...caller(g), 'expect: a-wonder']),
    '417 expectation',
  ],
  [
    'a body where none belongs',
    (g) => get(g, '/v1/containers', 'GET', [...caller(g), 'content-length: 2']) + '{}',
    '400 malformed',
  ],
  [
    'a body at an end',
    (g) => get(g, `/v1/containers/${g.foreign}`, 'DELETE', [...caller(g), 'content-length: 2']) + '{}',
    '400 malformed',
  ],
  ['an end behind a body', (g) => post(g, ['content-length: 2'], `{}${smuggled(g)}`), '400 malformed'],
  [
    'headers beyond all room',
    (g) => get(g, '/v1/containers', 'GET', [...caller(g), `x: ${'y'.repeat(20_000)}`]),
    '431 headers_too_large',
  ],
  [
    'headers without number',
    (g) =>
      get(g, '/v1/containers', 'GET', [...caller(g), ...Array.from({ length: 3_000 }, (_, n) => `x${n}: y`)]),
    '431 headers_too_large',
  ],
]);

const upgraded = (what: string, headers: (g: Ground) => string[], refused: string): Row => [
  what,
  (g) => attach(g, g.attached, [...caller(g), ...headers(g)]),
  refused,
];
const upgrades = group('upgrades', [
  upgraded('none', () => [], '426 upgrade_required'),
  upgraded('one that the connection does not name', () => ['upgrade: zf-attach'], '426 upgrade_required'),
  upgraded('to something else', () => ['connection: Upgrade', 'upgrade: tcp'], '426 upgrade_required'),
  upgraded('in another case', () => ['connection: Upgrade', 'upgrade: ZF-Attach'], '426 upgrade_required'),
  upgraded('to one of two', () => ['connection: Upgrade', 'upgrade: zf-attach, h2c'], '426 upgrade_required'),
  upgraded('twice', () => [...UPGRADE, 'upgrade: zf-attach'], '400 malformed'),
  upgraded('with a body', () => [...UPGRADE, 'content-length: 2'], '400 malformed'),
  upgraded('with chunks', () => [...UPGRADE, 'transfer-encoding: chunked'], '411 length_required'),
  ['of a post', (g) => attach(g, g.attached).replace('GET', 'POST'), '404 not_found'],
  ['of the list', (g) => get(g, '/v1/containers', 'GET', [...caller(g), ...UPGRADE]), '400 malformed'],
  ['of a create', (g) => create(g, goodBody(g), [...caller(g), ...UPGRADE]), '400 malformed'],
  [
    'of an end',
    (g) => get(g, `/v1/containers/${g.attached}`, 'DELETE', [...caller(g), ...UPGRADE]),
    '400 malformed',
  ],
  ['to a path', (g) => attach(g, '..%2f..%2finfo'), '404 not_found'],
  ['with a query', (g) => attach(g, g.attached).replace('/attach', '/attach?logs=1'), '404 not_found'],
  [
    'behind a create on the same connection',
    (g) => create(g, '{}').toString() + attach(g, g.attached),
    '400 malformed',
  ],
  [
    'behind a list on the same connection',
    (g) => get(g, '/v1/engine') + attach(g, g.attached),
    '400 malformed',
  ],
]);

/** All of them. */
export const WIRE: readonly HostileCall[] = [...smuggling, ...upgrades];
