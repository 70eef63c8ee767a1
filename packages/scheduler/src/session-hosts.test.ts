import { expect, it } from 'vitest';
import { TestJob } from './fair.test.helper.js';
import type { FleetHost } from './index.js';
import { SessionHosts } from './session-hosts.js';

const of = (tenant: string, session?: string): TestJob =>
  new TestJob('j', session === undefined ? { tenant } : { tenant, session });
const worker = (name: string): FleetHost['worker'] => name as FleetHost['worker'];

it('remembers where sessions ran, those that ran last, each of its own tenant', () => {
  const hosts = new SessionHosts(2);
  hosts.ran(of('a', 's'), worker('h1'));
  hosts.ran(of('b', 's'), worker('h2'));
  hosts.ran(of('a'), worker('h3'));
  expect([of('a', 's'), of('b', 's'), of('a'), of('a', 't')].map((job) => hosts.of(job))).toEqual([
    'h1',
    'h2',
    undefined,
    undefined,
  ]);
  hosts.ran(of('a', 's'), worker('h4'));
  hosts.ran(of('c', 's'), worker('h5'));
  expect([of('a', 's'), of('b', 's'), of('c', 's')].map((job) => hosts.of(job))).toEqual([
    'h4',
    undefined,
    'h5',
  ]);
});
