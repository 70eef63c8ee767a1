/** The lab itself: a coordinator and a no-op worker serve jobs over HTTP, and what is killed comes back where it was. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLab, type Lab } from '@zerofleet/launch';
import { ZerofleetClient } from '@zerofleet/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testSession } from '../../fleet/session.js';

const JOBS = 100;

describe('a lab of one coordinator and one worker', () => {
  const session = testSession();
  let lab: Lab;
  let client: ZerofleetClient;
  beforeAll(async () => {
    lab = await startLab(session, { attempts: true });
    const [tenant] = lab.tenants;
    client = new ZerofleetClient({
      urls: lab.coordinators.map(({ apiUrl }) => apiUrl),
      apiKey: tenant?.apiKey ?? '',
    });
  });
  afterAll(() => session.close());

  const runEcho = async (n: number): Promise<void> => {
    const job = await client.submit({ tool: 'echo', arguments: { text: `job ${n}`, delayMs: n % 3 } });
    const end = await client.wait(job.id, { timeoutMs: 30_000 });
    expect(end).toMatchObject({ stage: 'succeeded', result: { text: `job ${n}` } });
  };

  it('runs a hundred jobs, each attempt noted once', async () => {
    await Promise.all(Array.from({ length: JOBS }, (_, n) => runEcho(n)));
    const lines = readFileSync(join(lab.attemptsFolder, 'worker-0.txt'), 'utf8').trim().split('\n');
    expect(lines.filter((line) => line.startsWith('# boot'))).toHaveLength(1);
    expect(new Set(lines).size).toBe(JOBS + 1);
  });

  it('knows its leader, and finds it again at the same ports after a kill', async () => {
    expect(await lab.leader()).toBe(0);
    const part = lab.coordinators[0]?.part;
    const killed = part?.kill();
    expect(await part?.ready()).toBe(true);
    expect(part?.pid).not.toBe(killed);
    await runEcho(0);
  });
});
