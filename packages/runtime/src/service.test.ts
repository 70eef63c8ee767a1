import { describe, expect, it } from 'vitest';
import { every, pause, type Clock } from './clock.js';
import { ConfigError, loadConfig, readSecret, type ConfigSchema } from './config.js';
import { ServiceGroup, serviceOf, type Service } from './service.js';

const member = (name: string, said: string[], fails: 'start' | 'stop' | 'nowhere' = 'nowhere'): Service =>
  serviceOf(
    async () => {
      said.push(`+${name}`);
      if (fails === 'start') throw new Error(`${name} does not start`);
    },
    async () => {
      said.push(`-${name}`);
      if (fails === 'stop') throw new Error(`${name} does not stop`);
    },
  );

describe('a group of services', () => {
  it('starts in order and stops in reverse, once', async () => {
    const said: string[] = [];
    const group = new ServiceGroup(['a', 'b', 'c'].map((name) => member(name, said)));
    await group.stop();
    expect(said).toEqual([]);
    await group.start();
    await group.stop();
    await group.stop();
    expect(said).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
  });

  it('stops what it began to start when a start fails, and nothing that it did not', async () => {
    const said: string[] = [];
    const group = new ServiceGroup([member('a', said), member('b', said, 'start'), member('c', said)]);
    await expect(group.start()).rejects.toThrow('b does not start');
    await group.stop();
    expect(said).toEqual(['+a', '+b', '-b', '-a']);
  });

  it('stops all when one does not stop, and throws the first error', async () => {
    const said: string[] = [];
    const group = new ServiceGroup([member('a', said), member('b', said, 'stop'), member('c', said, 'stop')]);
    await group.start();
    await expect(group.stop()).rejects.toThrow('c does not stop');
    expect(said.slice(3)).toEqual(['-c', '-b', '-a']);
  });
});

/** Timers that fire when told. */
class HandClock implements Clock {
  readonly timers: { readonly delayMs: number; readonly fire: () => void }[] = [];

  nowMs(): number {
    return 0;
  }

  wallMs(): number {
    return 0;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { delayMs, fire };
    this.timers.push(timer);
    return () => {
      const at = this.timers.indexOf(timer);
      if (at >= 0) this.timers.splice(at, 1);
    };
  }

  fireNext(): void {
    this.timers.shift()?.fire();
  }
}

describe('time', () => {
  it('ticks until cancelled, the next turn being set after the last', () => {
    const clock = new HandClock();
    let ticks = 0;
    const cancel = every(clock, 10, () => (ticks += 1));
    clock.fireNext();
    clock.fireNext();
    expect(ticks).toBe(2);
    expect(clock.timers.map((timer) => timer.delayMs)).toEqual([10]);
    cancel();
    expect(clock.timers).toEqual([]);
  });

  it('ticks no more when the tick itself cancels', () => {
    const clock = new HandClock();
    const cancel = every(clock, 10, () => cancel());
    clock.fireNext();
    expect(clock.timers).toEqual([]);
  });

  it('pauses until its time, or until it is aborted, and leaves no timer', async () => {
    const clock = new HandClock();
    const full = pause(clock, 10);
    clock.fireNext();
    await full;
    const abort = new AbortController();
    const cut = pause(clock, 10, abort.signal);
    expect(clock.timers).toHaveLength(1);
    abort.abort();
    await cut;
    await pause(clock, 10, abort.signal);
    expect(clock.timers).toEqual([]);
  });
});

describe('config', () => {
  const schema: ConfigSchema<{ low: number; high: number; word: string }> = {
    low: { doc: 'd', format: 'count', default: 1, env: 'ZF_LOW' },
    high: { doc: 'd', format: 'positive', default: 2, env: 'ZF_HIGH' },
    word: { doc: 'd', format: 'label', default: 'x', env: 'ZF_WORD', sensitive: true },
  };
  const relation = (config: { low: number; high: number }): string | undefined =>
    config.low > config.high ? 'ZF_LOW must not be above ZF_HIGH' : undefined;
  const messageOf = (env: Record<string, string>): string => {
    try {
      loadConfig(schema, env, relation);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as Error).message;
    }
    throw new Error('was taken');
  };

  it('is the defaults and what the environment says, as numbers where they are numbers', () => {
    expect(loadConfig(schema, { ZF_HIGH: '7', OTHER: 'x' })).toEqual({ low: 1, high: 7, word: 'x' });
  });

  it('names the variable and never prints what is sensitive', () => {
    expect(messageOf({ ZF_HIGH: '-3' })).toMatch(/^ZF_HIGH must be a whole number from 1 to \d+.*-3/);
    const message = messageOf({ ZF_WORD: 'Hunter Two' });
    expect(message).toMatch(/^ZF_WORD must be /);
    expect(message).not.toMatch(/Hunter|Two/);
  });

  it('checks relations once every value is right', () => {
    expect(messageOf({ ZF_LOW: '3' })).toBe('ZF_LOW must not be above ZF_HIGH');
    expect(messageOf({ ZF_LOW: '3', ZF_HIGH: '0' })).toMatch(/^ZF_HIGH /);
  });

  it('says which variable names a secret that cannot be read', () => {
    expect(readSecret('', 'ZF_SECRET_FILE')).toBe('');
    expect(() => readSecret('/does/not/exist', 'ZF_SECRET_FILE')).toThrow(
      'ZF_SECRET_FILE names a file that cannot be read: ENOENT',
    );
  });
});
