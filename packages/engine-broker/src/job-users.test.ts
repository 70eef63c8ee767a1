import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { JOB_USERS, JobUsers } from './job-users.js';

const all = (users: JobUsers): (number | undefined)[] =>
  Array.from({ length: JOB_USERS }, () => users.take());

describe('job users', () => {
  it('are given once, with an id between them for each watcher', () => {
    const users = new JobUsers();
    const given = all(users);
    expect(new Set(given.flatMap((uid) => [uid, (uid ?? 0) + 1])).size).toBe(2 * JOB_USERS);
    expect(users.take()).toBeUndefined();
  });

  it('are given again as late as can be', () => {
    const users = new JobUsers();
    const first = users.take() ?? 0;
    users.giveBack(first);
    expect(all(users).at(-1)).toBe(first);
  });

  it('are those that the tool image has', () => {
    const given = all(new JobUsers());
    const dockerfile = readFileSync(new URL('../../../images/tools/Dockerfile', import.meta.url), 'utf8');
    const range = /range\((\d+), (\d+), (\d+)\)/.exec(dockerfile)?.slice(1).map(Number) ?? [];
    const [from = 0, to = 0, step = 1] = range;
    expect(Array.from({ length: Math.ceil((to - from) / step) }, (_, n) => from + n * step)).toEqual(given);
  });
});
