/** Groups 12 and 13: what one job leaves for another, and where a secret is seen. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../fleet/eventually.js';
import { attack, endOf, submissionOf, toldOf, untilSameContainer } from './harness/attack.js';
import { ask, toolContainers } from './harness/engine.js';
import { allFine, clientOf, facts } from './harness/fleet.js';
import { besideNeighbour } from './harness/suite.js';

const beside = besideNeighbour();

afterEach(() => allFine());

const newMarker = (): string => `marker-${randomBytes(16).toString('hex')}`;

describe('12 across tenants and jobs', () => {
  it('leaves nothing that another tenant sees meanwhile or later, or the same tenant later', async () => {
    await beside('12 leaves and looks', async () => {
      const marker = newMarker();
      const look = { args: ['look'], stdin: `${marker}\n` };
      const leaving = attack('leave-and-look.py', { args: ['leave', '1'], stdin: `${marker}\n` });
      const meanwhile = await attack('leave-and-look.py', { ...look, as: 'victim' });
      const left = await leaving;
      expect(left.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
      // Of what was left, everything is seen by who left it: the same search would see it elsewhere.
      expect(toldOf(left, 'found')).toEqual([
        ...['abstract socket', 'cmdline', 'dev/shm', 'environ', 'environment', 'list of system v msg'],
        ...['list of system v sem', 'list of system v shm', 'name', 'posix queue', 'system v memory'],
        ...['system v queue', 'system v semaphore', 'tmp', 'work'],
      ]);
      const later = await attack('leave-and-look.py', { ...look, as: 'victim' });
      const same = await untilSameContainer('leave-and-look.py', left, look);
      for (const end of [meanwhile, later, ...same]) {
        expect(end.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
        expect(toldOf(end, 'found')).toEqual([]);
        expect(toldOf(end, 'work')).toEqual([]);
      }
      expect([meanwhile.container, later.container]).not.toContain(left.container);
    });
  });
});

/** What the kernel of this host shows of every process: arguments and environment, where it may be read. */
const processesSay = (): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ['cmdline', 'environ'].map((what) => join('/proc', pid, what)))
    .map((path) => {
      try {
        return readFileSync(path, 'latin1');
      } catch {
        return '';
      }
    })
    .join('\n');

/** What the engine tells of the fleet's tool containers. */
const engineSays = async (): Promise<string> => {
  const ids = await toolContainers(facts().broker);
  const answers = ids.flatMap((id) => [`/containers/${id}/json`, `/containers/${id}/top?ps_args=axeww`]);
  // A container may go meanwhile, and some engines have no ps for the second.
  const told = await Promise.all(answers.map((path) => ask(path).catch(() => ({}))));
  return JSON.stringify(told);
};

const logsSay = (): string =>
  readdirSync(facts().logs)
    .map((name) => readFileSync(join(facts().logs, name), 'utf8'))
    .join('\n');

describe('13 secrets', () => {
  it('are with their job, and in no environment, argument, inspection or log', async () => {
    const secret = randomBytes(24).toString('hex');
    const marker = newMarker();
    const client = clientOf('victim');
    await client.settings.setSecret('ABUSED', secret);
    const submit = submissionOf('keep-secret.sh', { args: [marker, '4'] });
    const job = await client.submit({
      ...submit,
      arguments: { ...submit.arguments, stdin: { $secret: 'ABUSED' } },
    });
    await eventually('it runs', async () => (processesSay().includes(marker) ? true : undefined), 10_000);
    const seen = { processes: processesSay(), engine: await engineSays(), logs: logsSay() };
    const spy = await attack('leave-and-look.py', { args: ['look'], stdin: `${secret}\n` });
    const own = endOf(await client.wait(job.id, { timeoutMs: 20_000 }));
    expect(own.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
    expect(toldOf(own, 'sha256')).toBe(createHash('sha256').update(secret).digest('hex'));
    expect(seen.processes).toContain(marker);
    expect(seen.engine).toContain(own.container);
    expect(seen.logs.length).toBeGreaterThan(0);
    for (const [where, text] of Object.entries(seen)) expect(text.includes(secret), where).toBe(false);
    expect(toldOf(spy, 'found')).toEqual([]);
  });
});
