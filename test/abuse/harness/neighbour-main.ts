/**
 * A neighbour's process: sends a small echo job every so often, whatever became of those before, and tells its parent of each.
 *
 * N1  A job's time counts from the moment it was due, so that a fleet, or this process, that stalls is not measured less.
 */
import { ZerofleetClient } from '@zerofleet/sdk';
import type { NeighbourMessage, NeighbourOrder } from './neighbour.js';

const WAIT_MS = 30_000;
/** Jobs under way, at most: a fleet that answers nothing is not buried in them. */
const UNDER_WAY_MAX = 500;

const nowMs = (): number => performance.timeOrigin + performance.now();

/** With a callback, so that a parent that is gone by now is no error. */
const tell = (message: NeighbourMessage): void =>
  void process.send?.(message, undefined, undefined, () => undefined);

const begin = ({ apiUrl, apiKey, everyMs }: NeighbourOrder): void => {
  const client = new ZerofleetClient({ urls: [apiUrl], apiKey, requestTimeoutMs: WAIT_MS + 5_000 });
  const firstAtMs = nowMs() + everyMs;
  let sent = 0;
  let underWay = 0;
  const send = async (n: number, dueAtMs: number): Promise<void> => {
    const text = `neighbour ${n}`;
    const job = { tool: 'echo', arguments: { text, repeat: 1 }, maxAttempts: 1 };
    let why = '';
    underWay += 1;
    try {
      const view = await client.submit(job, { waitMs: WAIT_MS, retryBudgetMs: 0 });
      if (view.stage !== 'succeeded' || view.output?.chunks[0]?.data !== `${text}\n`)
        why = `${view.stage} ${view.error?.code ?? ''} ${view.error?.message ?? ''}`;
    } catch (error) {
      why = (error as Error).message;
    }
    underWay -= 1;
    tell({ dueAtMs, ms: nowMs() - dueAtMs, why });
  };
  setInterval(
    () => {
      for (let dueAtMs = firstAtMs + sent * everyMs; dueAtMs <= nowMs(); dueAtMs += everyMs) {
        sent += 1;
        if (underWay < UNDER_WAY_MAX) void send(sent, dueAtMs);
        else tell({ dueAtMs, ms: nowMs() - dueAtMs, why: 'too many under way' });
      }
    },
    Math.max(1, everyMs / 4),
  );
  tell({ firstAtMs });
};

process.once('message', (order: NeighbourOrder) => begin(order));
process.once('disconnect', () => process.exit(0));
