/** Images that are not the caller's to fetch or to remove. */
import type { Ground } from '../ground.js';
import { callText } from '../wire.js';
import { caller, get, group, JSON_TYPE, UPGRADE, type HostileCall, type Row } from './call.js';

const pullText = (g: Ground, body: string, headers: readonly string[] = []): string =>
  callText(
    'POST /v1/images/pull HTTP/1.1',
    [...caller(g), JSON_TYPE, `content-length: ${Buffer.byteLength(body)}`, ...headers],
    body,
  );
const pull = (what: string, body: (g: Ground) => unknown, refused = '400 malformed'): Row => [
  what,
  (g) => pullText(g, JSON.stringify(body(g))),
  refused,
];
const NOT_LISTED = '403 image_not_listed';

const pulls = group('pulls', [
  pull('of an image that is not listed', () => ({ reference: 'debian:12' }), NOT_LISTED),
  pull('from a registry of its own', (g) => ({ reference: `evil.example/${g.image}` }), NOT_LISTED),
  pull('of another tag', (g) => ({ reference: `${g.image}-evil` }), NOT_LISTED),
  pull('of a digest', (g) => ({ reference: `${g.image}@sha256:${'a'.repeat(64)}` }), NOT_LISTED),
  pull('of an id', (g) => ({ reference: g.imageOfOthers }), NOT_LISTED),
  pull('with a blank', (g) => ({ reference: ` ${g.image}` }), NOT_LISTED),
  pull('with an address to fetch from', (g) => ({ reference: `http://127.0.0.1/${g.image}` }), NOT_LISTED),
  pull('of nothing', () => ({ reference: '' })),
  pull('of a list', (g) => ({ reference: [g.image] })),
  pull('of too long a name', () => ({ reference: 'x'.repeat(600) })),
  pull('with credentials', (g) => ({ reference: g.image, auth: 'x' })),
  pull('from a file', (g) => ({ reference: g.image, fromSrc: 'http://127.0.0.1/x.tar' })),
  pull('in another case', (g) => ({ Reference: g.image })),
  [
    'with a reference twice',
    (g) => pullText(g, `{"reference":"debian:12","reference":"${g.image}"}`),
    '400 malformed',
  ],
  ['with a blank in its body', (g) => pullText(g, `{ "reference":"${g.image}"}`), '400 malformed'],
  ['without a body', (g) => get(g, '/v1/images/pull', 'POST'), '411 length_required'],
  ['that is an upgrade', (g) => pullText(g, `{"reference":"${g.image}"}`, UPGRADE), '400 malformed'],
]);

const remove = (what: string, at: (g: Ground) => string, refused = '404 not_found'): Row => [
  what,
  (g) => get(g, `/v1/images/${at(g)}`, 'DELETE'),
  refused,
];
const removals = group('removals of images', [
  remove('one in use', (g) => g.imageInUse, '409 image_in_use'),
  remove('one of others', (g) => g.imageOfOthers),
  remove('one that never was', () => `sha256:${'f'.repeat(64)}`),
  remove('one by its tag', (g) => g.image),
  remove('one by its tag, in escapes', (g) => encodeURIComponent(g.image)),
  remove('one by a short id', (g) => g.imageInUse.slice(0, 19)),
  remove('one without its kind', (g) => g.imageInUse.slice(7)),
  remove('one in upper case', (g) => g.imageInUse.toUpperCase()),
  remove('one by force', (g) => `${g.imageInUse}?force=1`),
  remove('one with its parents', (g) => `${g.imageOfOthers}?noprune=0`),
  remove('all', () => ''),
  remove('all that nobody uses', () => 'prune'),
]);

const others = group('other calls on images', [
  ['an import', (g) => get(g, '/v1/images/create?fromSrc=-', 'POST'), '404 not_found'],
  ['a load', (g) => get(g, '/v1/images/load', 'POST'), '404 not_found'],
  ['a tag', (g) => get(g, `/v1/images/${g.imageInUse}/tag?repo=x`, 'POST'), '404 not_found'],
  ['a push', (g) => get(g, `/v1/images/${g.imageInUse}/push`, 'POST'), '404 not_found'],
  ['a build', (g) => get(g, '/v1/build', 'POST'), '404 not_found'],
  ['a commit', (g) => get(g, `/v1/commit?container=${g.attached}`, 'POST'), '404 not_found'],
  ['a look at pulls', (g) => get(g, '/v1/images/pull'), '404 not_found'],
  ['a list with a filter', (g) => get(g, '/v1/images?all=1'), '404 not_found'],
]);

/** All of them. */
export const IMAGES: readonly HostileCall[] = [...pulls, ...removals, ...others];
