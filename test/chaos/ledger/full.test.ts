/** A ledger filled to its limit refuses new jobs with a typed 503, keeps what it accepted, and drains by itself. */
import { startLab, type Lab } from '@zerofleet/launch';
import type { JobView, Problem } from '@zerofleet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../fleet/eventually.js';
import { testSession } from '../../fleet/session.js';

const LEDGER_BYTES = 4 * 1024 ** 2;
const TEXT = 'x'.repeat(8_000);
/** More than the ledger could hold. */
const SUBMISSIONS_MAX = (2 * LEDGER_BYTES) / TEXT.length;
const DAY_MS = 86_400_000;

describe('a full ledger', () => {
  const session = testSession();
  let lab: Lab;
  const submit = (extra: object = {}): Promise<Response> =>
    fetch(`${lab.coordinators[0]?.apiUrl}/v1/jobs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${lab.tenants[0]?.apiKey}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ tool: 'echo', arguments: { text: TEXT }, ...extra }),
    });
  /** Submits until the ledger refuses; the ids that were accepted, and the refusal. */
  const fill = async (extra: object = {}): Promise<{ ids: string[]; refusal: Response }> => {
    const ids: string[] = [];
    for (;;) {
      const answer = await submit(extra);
      if (answer.status !== 202) return { ids, refusal: answer };
      ids.push(((await answer.json()) as JobView).id);
      expect(ids.length).toBeLessThan(SUBMISSIONS_MAX);
    }
  };
  const acceptsAgain = (): Promise<true> =>
    eventually(
      'accepted again',
      async () => ((await submit()).status === 202 ? true : undefined),
      60_000,
      100,
    );

  beforeAll(async () => {
    lab = await startLab(session, { env: { ZF_LEDGER_MAX_BYTES: String(LEDGER_BYTES) } });
  });
  afterAll(() => session.close());

  it('refuses with 503 ledger_full, finishes what it accepted, and takes jobs again', async () => {
    const [worker] = lab.workers;
    await worker?.stop();
    const { ids, refusal } = await fill();
    expect(refusal.status).toBe(503);
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(((await refusal.json()) as Problem).code).toBe('ledger_full');
    await worker?.start();
    await acceptsAgain();
    for (const id of ids) {
      const answer = await fetch(`${lab.coordinators[0]?.apiUrl}/v1/jobs/${id}?wait=30s`, {
        headers: { authorization: `Bearer ${lab.tenants[0]?.apiKey}` },
      });
      expect(((await answer.json()) as JobView).stage).toBe('succeeded');
    }
  });

  it('makes room from jobs that are due far ahead, and loses none of them', async () => {
    // What the jobs before left behind is purged by and by.
    const { ids } = await eventually('a ledger with room', async () => {
      const filled = await fill({ delayMs: 30 * DAY_MS });
      return filled.ids.length > 0 ? filled : undefined;
    });
    await acceptsAgain();
    const part = lab.coordinators[0]?.part;
    const killed = part?.pid;
    part?.kill();
    await eventually(
      'the coordinator is back',
      async () => (part?.pid !== killed && (await part?.ready()) === true ? true : undefined),
      60_000,
      50,
    );
    for (const id of [ids[0], ids.at(-1)]) {
      const url = `${lab.coordinators[0]?.apiUrl}/v1/jobs/${id}`;
      const headers = { authorization: `Bearer ${lab.tenants[0]?.apiKey}` };
      expect((await fetch(url, { headers })).status).toBe(200);
      const cancelled = (await (await fetch(`${url}/cancel`, { method: 'POST', headers })).json()) as JobView;
      expect(cancelled.stage).toBe('cancelled');
    }
  });
});
