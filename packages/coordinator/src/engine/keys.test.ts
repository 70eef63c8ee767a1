import type { JobEnvelope, JobId, TenantId } from '@zerofleet/model';
import { describe, expect, it } from 'vitest';
import type { JobRecord } from './job-record.js';
import { KeyDesk, type KeyVerdict } from './keys.js';
import type { KeyLookup, OutcomePort } from './ports.js';
import type { ShardState } from './shard-state.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ENDED = '0192f3a0-0000-7000-8000-000000000009' as JobId;

class Bench {
  readonly live = new Map<string, JobRecord>();
  lookups = 0;
  lookup: () => Promise<KeyLookup> = () => Promise.resolve({ kind: 'none' });
  readonly desk = new KeyDesk(
    { withKey: (tenant: TenantId, key: string) => this.live.get(`${tenant} ${key}`) } as ShardState,
    {
      findKey: () => {
        this.lookups += 1;
        return this.lookup();
      },
    } as Partial<OutcomePort> as OutcomePort,
  );

  /** What is said of a submission; with `accepts` it is live from then on. */
  ask(tenant: string, key: string | null, hash = 'h', accepts = false): Promise<KeyVerdict> {
    const extras = key === null ? null : { idempotency: { key, hash } };
    const envelope = { tenant, extras } as JobEnvelope;
    return this.desk.inTurn(envelope, (verdict) => {
      if (accepts && verdict.kind === 'fresh')
        this.live.set(`${tenant} ${key}`, { extras } as Partial<JobRecord> as JobRecord);
      return verdict;
    });
  }
}

describe('KeyDesk', () => {
  it('takes a submission without a key as it is', async () => {
    const bench = new Bench();
    expect(await bench.ask('t', null)).toEqual({ kind: 'fresh' });
    expect(bench.lookups).toBe(0);
  });

  it('knows what is live without a look-up, and what ended by one', async () => {
    const bench = new Bench();
    expect(await bench.ask('t', 'k', 'h', true)).toEqual({ kind: 'fresh' });
    expect(await bench.ask('t', 'k')).toMatchObject({ kind: 'live' });
    expect(await bench.ask('t', 'k', 'other')).toEqual({ kind: 'conflict' });
    expect(bench.lookups).toBe(1);
    bench.lookup = () => Promise.resolve({ kind: 'found', id: ENDED, hash: 'h' });
    expect(await bench.ask('other', 'k')).toEqual({ kind: 'ended', id: ENDED });
    expect(await bench.ask('other', 'k', 'else')).toEqual({ kind: 'conflict' });
  });

  it('is unsure, and lets nothing through, while the index cannot say', async () => {
    const bench = new Bench();
    bench.lookup = () => Promise.resolve({ kind: 'rebuilding' });
    expect(await bench.ask('t', 'k', 'h', true)).toEqual({ kind: 'unsure' });
    bench.lookup = () => Promise.reject(new Error('away'));
    expect(await bench.ask('t', 'k', 'h', true)).toEqual({ kind: 'unsure' });
    expect(bench.live.size).toBe(0);
  });

  it('looks at submissions with one key one after the other, and at others beside them', async () => {
    const bench = new Bench();
    let answer: (found: KeyLookup) => void = () => undefined;
    bench.lookup = () => new Promise((resolve) => (answer = resolve));
    const same = [bench.ask('t', 'k', 'h', true), bench.ask('t', 'k', 'h', true)];
    await settled();
    expect(bench.lookups).toBe(1);
    const first = answer;
    void bench.ask('t', 'another');
    void bench.ask('u', 'k');
    await settled();
    expect(bench.lookups).toBe(3);
    first({ kind: 'none' });
    expect((await Promise.all(same)).map(({ kind }) => kind)).toEqual(['fresh', 'live']);
    expect(bench.lookups).toBe(3);
  });

  it('goes on after a turn that broke', async () => {
    const bench = new Bench();
    const envelope = { tenant: 't', extras: { idempotency: { key: 'k', hash: 'h' } } } as JobEnvelope;
    const broken = bench.desk.inTurn(envelope, () => {
      throw new Error('broken');
    });
    const next = bench.ask('t', 'k');
    await expect(broken).rejects.toThrow('broken');
    expect(await next).toEqual({ kind: 'fresh' });
  });
});
