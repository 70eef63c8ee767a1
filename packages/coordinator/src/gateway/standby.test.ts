/** The tenant API of a replica that follows a leader, and of one that follows nobody. */
import { afterEach, describe, expect, it } from 'vitest';
import type { JobView } from '@zerofleet/protocol';
import { Bench, expectRefusal, JOB, NOBODYS_JOB, until } from './bench.test.helper.js';

let bench: Bench;
const openStandby = async (): Promise<Bench> => {
  bench = new Bench();
  await bench.begin();
  bench.addWorker();
  await bench.standBy();
  return bench;
};
afterEach(() => bench.close());

describe('a standby', () => {
  it('takes jobs for its leader, and knows them as they go on', async () => {
    await openStandby();
    const job = await bench.submit();
    const waiting = bench.call('GET', `/v1/jobs/${job.id}?wait=60s`);
    await until(() => bench.heard.size === 1);
    await bench.finish(job.id);
    expect((await waiting).json()).toMatchObject({ stage: 'succeeded', output: { bytes: 3 } });
    expect((await bench.call('GET', '/v1/status')).json()).toMatchObject({ workers: { ready: 1 } });
  });

  it('knows a key by its leader', async () => {
    await openStandby();
    const first = await bench.post(JOB, 'k');
    const again = await bench.post(JOB, 'k');
    expect(again.json<JobView>().id).toBe(first.json<JobView>().id);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expectRefusal(await bench.post({ ...JOB, timeoutMs: 9 }, 'k'), 'idempotency_conflict', undefined);
  });

  it('streams a job to its end', async () => {
    await openStandby();
    const { id } = await bench.submit();
    const streaming = bench.call('GET', `/v1/jobs/${id}/events`);
    await until(() => bench.heard.size === 1);
    await bench.finish(id);
    const names = [...(await streaming).body.matchAll(/^event: (\w+)$/gm)].map((match) => match[1]);
    expect(names.slice(-3)).toEqual(['attempt', 'output', 'state']);
    expect(bench.heard.size).toBe(0);
  });

  it('says that there is no such job only when its leader does', async () => {
    await openStandby();
    const url = `/v1/jobs/${NOBODYS_JOB}`;
    for (const path of [url, `${url}/events`])
      expectRefusal(await bench.call('GET', path), 'not_found', undefined);
    bench.line.cut = true;
    for (const path of [url, `${url}/events`])
      expectRefusal(await bench.call('GET', path), 'outcome_unavailable', '1');
  });

  it('no_leader: takes nothing while nobody leads, and still shows what it knows', async () => {
    await openStandby();
    const { id } = await bench.submit();
    await until(() => bench.runs.length === 1);
    bench.line.cut = true;
    const before = bench.ledger.messages.length;
    expectRefusal(await bench.post(), 'no_leader', '1');
    expectRefusal(await bench.post(JOB, 'k'), 'no_leader', '1');
    expectRefusal(await bench.call('POST', `/v1/jobs/${id}/cancel`), 'no_leader', '1');
    expectRefusal(await bench.call('GET', '/v1/status'), 'no_leader', '1');
    expect(bench.ledger.messages).toHaveLength(before);
    expect((await bench.call('GET', `/v1/jobs/${id}`)).json<JobView>().stage).toBe('running');
    expect((await bench.call('GET', '/v1/tools')).statusCode).toBe(200);
  });
});
