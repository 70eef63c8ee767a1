import { describe, expect, it } from 'vitest';
import type { QueueClient } from './client.js';
import { Drive } from './drive.js';

/** A client that is done with each job in a later turn, twice over. */
const clientOf = (drive: Drive): QueueClient & { most: number } => {
  let live = 0;
  const client = {
    most: 0,
    submit: (n: number) => {
      live += 1;
      client.most = Math.max(client.most, live);
      setImmediate(() => {
        live -= 1;
        drive.done(n);
        drive.done(n);
      });
    },
    close: () => Promise.resolve(),
  };
  return client;
};

describe('Drive', () => {
  it('keeps so many jobs in flight and counts each once', async () => {
    const drive = new Drive();
    const client = clientOf(drive);
    const result = await drive.closed(client, { kind: 'closed', inFlight: 5, warmMs: 5, runMs: 20 });
    expect(client.most).toBe(5);
    expect(result.jobs).toBeGreaterThan(0);
    expect(result.allJobs).toBeGreaterThanOrEqual(result.jobs + 5);
  });

  it('sends at its rate whatever comes back, and measures the jobs after the warm-up', async () => {
    const drive = new Drive();
    const load = { kind: 'open', rate: 1_000, warmMs: 20, runMs: 50 } as const;
    const result = await drive.open(clientOf(drive), load);
    expect(result.jobs).toBe(50);
    expect(result.p99).toBeGreaterThanOrEqual(result.p50);
  });

  it('breaks when the client does', async () => {
    const drive = new Drive();
    const client = { submit: () => drive.failed(new Error('gone')), close: () => Promise.resolve() };
    await expect(drive.closed(client, { kind: 'closed', inFlight: 1, warmMs: 1, runMs: 1 })).rejects.toThrow(
      'gone',
    );
  });
});
