/** Callers who are not who they say, or say it twice. */
import type { Ground } from '../ground.js';
import { attach, caller, create, goodBody, group, UPGRADE, type HostileCall, type Row } from './call.js';

const without = (g: Ground, name: string, instead: readonly string[] = []): string[] => [
  ...caller(g).filter((line) => !line.startsWith(`${name}:`)),
  ...instead,
];
const who = (what: string, headers: (g: Ground) => string[], refused = '401 unauthorized'): Row[] => [
  [what, (g) => create(g, goodBody(g), headers(g)), refused],
  [`${what}, at an attach`, (g) => attach(g, g.attached, [...headers(g), ...UPGRADE]), refused],
];
const token = (what: string, given: (g: Ground) => string): Row[] =>
  who(what, (g) => without(g, 'authorization', [`authorization: ${given(g)}`]));

/** All of them. */
export const CALLERS: readonly HostileCall[] = group('callers', [
  ...who('no token', (g) => without(g, 'authorization')),
  ...token('an empty token', () => 'Bearer '),
  ...token('a wrong token', () => 'Bearer wrong'),
  ...token('a token and more', (g) => `Bearer ${g.token}x`),
  ...token('less than a token', (g) => `Bearer ${g.token.slice(0, -1)}`),
  ...token('a token twice in one', (g) => `Bearer ${g.token}, Bearer ${g.token}`),
  ...token('another scheme', (g) => `Basic ${g.token}`),
  ...token('no scheme', (g) => g.token),
  ...who('a token twice', (g) => [...caller(g), `authorization: Bearer ${g.token}`]),
  ...who('a wrong token behind the right one', (g) => [...caller(g), 'authorization: Bearer wrong']),
  ...who('a wrong token before the right one', (g) => ['authorization: Bearer wrong', ...caller(g)]),
  ...who('no worker', (g) => without(g, 'zf-worker')),
  ...who('a worker that is a path', (g) => without(g, 'zf-worker', ['zf-worker: ../w1'])),
  ...who('two workers', (g) => [...caller(g), 'zf-worker: w2']),
  ...who('a worker beyond all length', (g) => without(g, 'zf-worker', [`zf-worker: ${'w'.repeat(64)}`])),
  ...who('no boot', (g) => without(g, 'zf-boot')),
  ...who('a boot that is no id', (g) => without(g, 'zf-boot', ['zf-boot: 1'])),
  ...who('two boots', (g) => [...caller(g), `zf-boot: ${g.deadBoot}`]),
  ...who(
    'a boot that a newer one replaced',
    (g) => without(g, 'zf-boot', [`zf-boot: ${g.deadBoot}`]),
    '410 boot_replaced',
  ),
  ...who(
    'a worker that is not of this broker',
    (g) => without(g, 'zf-worker', ['zf-worker: stranger']),
    '403 worker_not_served',
  ),
]);
