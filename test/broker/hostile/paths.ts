/** Paths, methods and ids that are not the caller's to use. */
import type { Ground } from '../ground.js';
import { attach, get, group, type HostileCall, type Row } from './call.js';

const path = (what: string, method: string, at: (g: Ground) => string, refused = '404 not_found'): Row => [
  what,
  (g) => get(g, at(g), method),
  refused,
];

const paths = group('paths', [
  path('the engine itself', 'GET', () => '/containers/json'),
  path('the engine itself, with its version', 'GET', () => '/v1.41/containers/json'),
  path('its other parts', 'GET', () => '/v1/volumes'),
  path('exec', 'POST', (g) => `/v1/containers/${g.attached}/exec`),
  path('an archive', 'PUT', (g) => `/v1/containers/${g.attached}/archive?path=/`),
  path('logs', 'GET', (g) => `/v1/containers/${g.attached}/logs`),
  path('up a level', 'GET', () => '/v1/containers/../engine'),
  path('up a level, in escapes', 'GET', () => '/v1/containers/%2e%2e%2fengine'),
  path('a letter in escapes', 'GET', () => '/v1/%63ontainers'),
  path('another case', 'GET', () => '/V1/Containers'),
  path('a slash too many', 'GET', () => '//v1/containers'),
  path('a slash at the end', 'GET', () => '/v1/containers/'),
  path('a query', 'GET', () => '/v1/containers?all=1'),
  path('a fragment', 'GET', () => '/v1/containers#x'),
  path('a parameter', 'GET', () => '/v1/containers;x=1'),
  path('a broken escape', 'GET', () => '/v1/containers/%zz'),
  path('a NUL in escapes', 'GET', () => '/v1/containers%00'),
  path('another host', 'GET', () => 'http://engine/v1/containers'),
  path('no path', 'OPTIONS', () => '*'),
  // Such an answer has no body.
  path('a method that only looks', 'HEAD', () => '/v1/containers', '404 '),
  path('a method that is not done', 'PATCH', () => '/v1/containers'),
  path('a trace', 'TRACE', () => '/v1/containers'),
  path('an end without an id', 'DELETE', () => '/v1/containers/'),
  path('an end of a path', 'DELETE', () => '/v1/containers/..'),
  path('an end of a name', 'DELETE', () => '/v1/containers/zf-tool-1'),
  path('an end of a short id', 'DELETE', (g) => `/v1/containers/${g.attached.slice(0, 12)}`),
  path('an end of an id in upper case', 'DELETE', (g) => `/v1/containers/${g.attached.toUpperCase()}`),
  path('an end of an id and more', 'DELETE', (g) => `/v1/containers/${g.attached}0`),
  path('an end with force', 'DELETE', (g) => `/v1/containers/${g.attached}?force=1&v=1`),
  path('an end of two', 'DELETE', (g) => `/v1/containers/${g.attached},${g.attached}`),
  path('an end of an image', 'DELETE', () => '/v1/images/debian:12'),
  ['a method of no protocol', () => 'CREATE /v1/containers HTTP/1.1\r\n\r\n', '400 malformed'],
  ['a tunnel', (g) => get(g, 'engine:2375', 'CONNECT'), '404 not_found'],
  ['an old HTTP', (g) => get(g, '/v1/containers').replace('HTTP/1.1', 'HTTP/1.0'), '400 malformed'],
  ['a new HTTP', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 malformed'],
  ['no HTTP', () => 'SSH-2.0-x\r\n\r\n', '400 malformed'],
]);

const owned = (what: string, id: (g: Ground) => string): Row[] => [
  [`an attach to ${what}`, (g) => attach(g, id(g)), '404 not_found'],
  [`an end of ${what}`, (g) => get(g, `/v1/containers/${id(g)}`, 'DELETE'), '404 not_found'],
];
const owners = group('containers of others', [
  ...owned("another worker's", (g) => g.foreign),
  ...owned("another broker's", (g) => g.elsewhere),
  ...owned('one that is no tool container', (g) => g.ordinary),
  ...owned('one that never was', () => 'b'.repeat(64)),
  ...owned('one that has ended', (g) => g.ended),
  ['an attach to one that is attached', (g) => attach(g, g.attached), '404 not_found'],
]);

/** All of them. */
export const PATHS: readonly HostileCall[] = [...paths, ...owners];
