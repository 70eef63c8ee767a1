import { describe, expect, it } from 'vitest';
import { Outbox } from './outbox.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An outbox whose calls end when told. */
const newOutbox = (options: { readonly batch: number; readonly calls: number }) => {
  const sent: (readonly number[])[] = [];
  const ends: (() => void)[] = [];
  const send = (jobs: readonly number[]): Promise<void> => {
    sent.push(jobs);
    return new Promise((resolve) => ends.push(resolve));
  };
  return { outbox: new Outbox(send, options), sent, end: () => ends.shift()?.() };
};

describe('Outbox', () => {
  it('sends together what one turn brings', async () => {
    const { outbox, sent } = newOutbox({ batch: 8, calls: 1 });
    for (const n of [1, 2, 3]) outbox.push(n);
    expect(sent).toEqual([]);
    await turn();
    expect(sent).toEqual([[1, 2, 3]]);
  });

  it('keeps what comes while all calls are under way, in batches of the limit', async () => {
    const { outbox, sent, end } = newOutbox({ batch: 2, calls: 1 });
    for (const n of [1, 2, 3, 4, 5]) outbox.push(n);
    await turn();
    expect(sent).toEqual([[1, 2]]);
    end();
    await turn();
    expect(sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    outbox.push(6);
    end();
    await turn();
    expect(sent.at(-1)).toEqual([5, 6]);
  });
});
