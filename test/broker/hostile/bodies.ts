/** Bodies of a create call that say more, or say it otherwise, than the broker's own worker would. */
import type { Ground } from '../ground.js';
import { callText } from '../wire.js';
import { caller, create, goodBody, group, JSON_TYPE, poolOf, type HostileCall, type Row } from './call.js';

const body = (what: string, text: (g: Ground) => string | Buffer, refused = '400 malformed'): Row => [
  what,
  (g) => create(g, text(g)),
  refused,
];
const withPool = (change: object) => (g: Ground) => JSON.stringify({ pool: { ...poolOf(g), ...change } });
const withResources = (change: object) => (g: Ground) =>
  JSON.stringify({ pool: { ...poolOf(g), resources: { ...poolOf(g).resources, ...change } } });
/** The good body with a piece of its text replaced. */
const respelled = (from: string, to: string) => (g: Ground) => goodBody(g).replace(from, to);

const HOST = '{"Privileged":true,"Binds":["/:/host"]}';

const keys = group('keys', [
  body("the engine's host config beside the pool", (g) =>
    goodBody(g).replace('{"pool"', `{"HostConfig":${HOST},"pool"`),
  ),
  body('the same in lower case', (g) => goodBody(g).replace('{"pool"', `{"hostconfig":${HOST},"pool"`)),
  body('the same in mixed case', (g) => goodBody(g).replace('{"pool"', `{"hOSTcONFIG":${HOST},"pool"`)),
  body('the same inside the pool', withPool({ HostConfig: { Privileged: true } })),
  body('the same inside the resources', withResources({ HostConfig: { Privileged: true } })),
  body('the pool in another case', respelled('"pool"', '"Pool"')),
  body('the image in another case', respelled('"image"', '"Image"')),
  body('the resources in another case', respelled('"resources"', '"RESOURCES"')),
  body('a limit in another case', respelled('"memoryMiB"', '"memorymib"')),
  body('a limit in two cases', respelled('"memoryMiB":64', '"memoryMiB":64,"MemoryMiB":0')),
  body('the pool twice', (g) => goodBody(g).replace('{"pool"', '{"pool":{},"pool"')),
  body('the image twice, the other first', respelled('"image"', '"image":"debian:12","image"')),
  body('the image twice, the other last', respelled('"runtime"', '"image":"debian:12","runtime"')),
  body('a limit twice', respelled('"pids":32', '"pids":0,"pids":32')),
  body('a key spelled in escapes', respelled('"pool"', '"\\u0070ool"')),
  body('a key twice, once in escapes', respelled('"image"', '"\\u0069mage":"debian:12","image"')),
  body('a value spelled in escapes', respelled('"runc"', '"\\u0072unc"')),
  body('a key that looks the same', respelled('"pool"', '"pооl"')),
  body('a key with a NUL behind it', respelled('"pool"', '"pool\\u0000"')),
  body('a key with a mark that is not seen', respelled('"pool"', '"\u200bpool"')),
  body('__proto__ beside the pool', (g) =>
    goodBody(g).replace('{"pool"', '{"__proto__":{"HostConfig":1},"pool"'),
  ),
  body('__proto__ for the pool', (g) => `{"__proto__":${goodBody(g)}}`),
  body('constructor beside the image', withPool({ constructor: { prototype: {} } })),
  body('an unknown key deep below a known one', withPool({ image: { name: 'tools', HostConfig: {} } })),
  body('an environment', withPool({ Env: ['LD_PRELOAD=/work/x.so'] })),
  body('a command', withPool({ Cmd: ['/bin/sh'], Entrypoint: [] })),
  body('a mount', withPool({ Mounts: [{ Type: 'bind', Source: '/', Target: '/host' }] })),
  body('a device', withPool({ Devices: [{ PathOnHost: '/dev/mem' }] })),
  body('a capability', withPool({ CapAdd: ['SYS_ADMIN'] })),
  body('a network', withPool({ NetworkMode: 'host' })),
  body('a name', withPool({ name: 'zf-tool-x' })),
  body('labels', withPool({ Labels: { 'zerofleet.broker': 'other' } })),
]);

const numbers = group('numbers', [
  ...(['memoryMiB', 'pids', 'cpuMilli', 'workMiB', 'tmpMiB'] as const).flatMap((name): Row[] => [
    body(`${name} 0, which would be no limit`, withResources({ [name]: 0 })),
    body(`${name} -1, which would be no limit`, withResources({ [name]: -1 })),
    body(`${name} missing`, withResources({ [name]: undefined })),
    body(`${name} null`, withResources({ [name]: null })),
    body(`${name} beyond all machines`, withResources({ [name]: 1e15 })),
  ]),
  body('a fraction', withResources({ memoryMiB: 64.5 })),
  body('a fraction that is none', respelled('"memoryMiB":64', '"memoryMiB":64.0')),
  body('an exponent', respelled('"memoryMiB":64', '"memoryMiB":6.4e1')),
  body('an exponent beyond all numbers', respelled('"memoryMiB":64', '"memoryMiB":1e999')),
  body('a number beyond exact ones', respelled('"pids":32', '"pids":9007199254740993')),
  body('minus zero', respelled('"pids":32', '"pids":-0')),
  body('a leading zero', respelled('"pids":32', '"pids":032')),
  body('a plus sign', respelled('"pids":32', '"pids":+32')),
  body('a number in hex', respelled('"pids":32', '"pids":0x20')),
  body('NaN', respelled('"pids":32', '"pids":NaN')),
  body('a number as text', withResources({ memoryMiB: '64' })),
  body('a tmpfs option behind a number', withResources({ workMiB: '8,exec,suid' })),
  body('a list for a number', withResources({ pids: [32] })),
  body('a truth for a number', withResources({ pids: true })),
]);

const texts = group('bodies', [
  body('nothing', () => ''),
  body('null', () => 'null'),
  body('a list', (g) => `[${goodBody(g)}]`),
  body('a text that holds the body', (g) => JSON.stringify(goodBody(g))),
  body('half of it', (g) => goodBody(g).slice(0, -3)),
  body('two of them', (g) => goodBody(g) + goodBody(g)),
  body('a comment', (g) => `${goodBody(g)}//`),
  body('a blank before it', (g) => ` ${goodBody(g)}`),
  body('a line end behind it', (g) => `${goodBody(g)}\n`),
  body('a byte order mark', (g) => `\ufeff${goodBody(g)}`),
  body('UTF-16', (g) => Buffer.from(goodBody(g), 'utf16le')),
  body('bytes that are no UTF-8', (g) =>
    Buffer.concat([Buffer.from(goodBody(g).slice(0, -1)), Buffer.from([0xff, 0x7d])]),
  ),
  body('a letter in too many bytes', (g) => {
    const [before = '', after = ''] = goodBody(g).split('pool', 2);
    return Buffer.concat([Buffer.from(before), Buffer.from([0xc1, 0xb0]), Buffer.from(`ool${after}`)]);
  }),
  body('depth', () => `{"pool":${'['.repeat(1_500)}${']'.repeat(1_500)}}`),
  body('more than fits', withPool({ pad: 'x'.repeat(8_192) }), '413 too_large'),
  [
    'a length beyond all memory',
    (g) =>
      callText('POST /v1/containers HTTP/1.1', [...caller(g), JSON_TYPE, 'content-length: 9007199254740991']),
    '413 too_large',
  ],
  [
    'another content type',
    (g) => create(g, goodBody(g)).toString().replace('application/json', 'text/plain'),
    '415 not_json',
  ],
  [
    'a charset',
    (g) => create(g, goodBody(g)).toString().replace('/json', '/json; charset=utf-7'),
    '415 not_json',
  ],
  ['no content type', (g) => create(g, goodBody(g)).toString().replace(JSON_TYPE, 'x: y'), '415 not_json'],
  ['compressed', (g) => create(g, goodBody(g), [...caller(g), 'content-encoding: gzip']), '400 malformed'],
]);

const images = group('images', [
  ...[
    ['an image that is not listed', 'debian:12'],
    ['nothing', ''],
    ['latest', 'latest'],
    ['an id', `sha256:${'a'.repeat(64)}`],
    ['a short id', 'aaaaaaaaaaaa'],
    ['another registry', 'evil.example:5000/tools:1'],
    ['a path', '../../tools'],
  ].map(([what = '', image]): Row =>
    body(what, withPool({ image }), image === '' ? undefined : '403 image_not_listed'),
  ),
  body(
    'the repository without its tag',
    (g) => withPool({ image: g.image.replace(/:[^:/]*$/, '') })(g),
    '403 image_not_listed',
  ),
  body('another tag of it', (g) => withPool({ image: `${g.image}x` })(g), '403 image_not_listed'),
  body(
    'a digest behind it',
    (g) => withPool({ image: `${g.image}@sha256:${'b'.repeat(64)}` })(g),
    '403 image_not_listed',
  ),
  body(
    'the same in upper case',
    (g) => withPool({ image: g.image.toUpperCase() })(g),
    '403 image_not_listed',
  ),
  body('a blank behind it', (g) => withPool({ image: `${g.image} ` })(g), '403 image_not_listed'),
  body('a NUL behind it', (g) => withPool({ image: `${g.image}\0` })(g), '403 image_not_listed'),
  body('a registry before it', (g) => withPool({ image: `docker.io/${g.image}` })(g), '403 image_not_listed'),
  body('two of them', (g) => withPool({ image: `${g.image},${g.image}` })(g), '403 image_not_listed'),
  body('a list', (g) => withPool({ image: [g.image] })(g)),
  body('a name beyond all length', withPool({ image: 'x'.repeat(600) })),
  body('another runtime', withPool({ runtime: 'kata' })),
  body('a runtime that is a path', withPool({ runtime: '/usr/bin/crun' })),
  body('no runtime', withPool({ runtime: null })),
]);

/** All of them. */
export const BODIES: readonly HostileCall[] = [...keys, ...numbers, ...texts, ...images];
