import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WAIT_MS_MAX, type JobId, type JobState, type TenantId, type ToolName } from '@zerofleet/model';
import { JobFeed } from '../engine/job-feed.js';
import type { JobSnapshot } from '../engine/ports.js';
import { parseWait, waitForEnd } from './waiting.js';

const job = (state: JobState): JobSnapshot => ({
  state,
  envelope: {
    id: '0192f3a0-0000-7000-8000-000000000001' as JobId,
    tenant: 'ada' as TenantId,
    tool: 'echo' as ToolName,
    toolVersion: 1,
    class: 'normal',
    decision: { release: 'test', adapter: 'native', mode: 'warm', revision: 0, reason: 'test' },
    timeoutMs: 1,
    maxAttempts: 1,
    acceptedAtMs: 0,
    extras: null,
  },
});
const QUEUED = job({ kind: 'queued', attemptsStarted: 0, attemptsSpent: 0, dueAtMs: null });
const LATER = job({ kind: 'queued', attemptsStarted: 1, attemptsSpent: 1, dueAtMs: null });
const ENDED = job({
  kind: 'finished',
  outcome: { kind: 'cancelled', report: null },
  attempt: 0,
  startedAtMs: null,
  finishedAtMs: 1,
});

describe('a wait', () => {
  it('is seconds or milliseconds, and never over the limit', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.constantFrom('', 's', 'ms'), (n, unit) => {
        const ms = unit === 'ms' ? n : n * 1_000;
        expect(parseWait(`${n}${unit}`)).toBe(ms <= WAIT_MS_MAX ? ms : undefined);
      }),
    );
  });

  it('is nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String)), (text) => {
        fc.pre(!/^\d+(ms|s)?$/.test(text));
        expect(parseWait(text)).toBeUndefined();
      }),
    );
  });

  it('ends with the final state, and leaves no listener', async () => {
    const feed = new JobFeed();
    const waiting = waitForEnd(feed, QUEUED, WAIT_MS_MAX, new AbortController().signal);
    feed.publish(LATER);
    feed.publish(ENDED);
    expect(await waiting).toBe(ENDED);
    expect(feed.size).toBe(0);
  });

  it('ends when the caller hangs up, with the newest state', async () => {
    const feed = new JobFeed();
    const caller = new AbortController();
    const waiting = waitForEnd(feed, QUEUED, WAIT_MS_MAX, caller.signal);
    feed.publish(LATER);
    caller.abort();
    expect(await waiting).toBe(LATER);
    expect(feed.size).toBe(0);
  });

  it('holds no place for a caller who hung up before', async () => {
    const feed = new JobFeed();
    expect(await waitForEnd(feed, QUEUED, WAIT_MS_MAX, AbortSignal.abort())).toBe(QUEUED);
    expect(feed.size).toBe(0);
  });

  it('ends at once for a job that has ended meanwhile', async () => {
    const feed = new JobFeed();
    feed.publish(ENDED);
    expect(await waitForEnd(feed, QUEUED, WAIT_MS_MAX, new AbortController().signal)).toBe(ENDED);
  });
});
