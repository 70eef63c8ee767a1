/** The event stream: order, completeness to the byte, output as it is written, resumption. */
import { describe, expect, it } from 'vitest';
import type { JobStreamEvent } from '@zerofleet/protocol';
import { clientOf, raw } from '../fleet/client.js';

const client = clientOf(0);
const python = (code: string): Parameters<typeof client.submit>[0] => ({
  tool: 'code_execution',
  arguments: { runtime: 'python', code },
});

const bytesOf = (events: readonly JobStreamEvent[]): Buffer =>
  Buffer.concat(
    events.flatMap((event) =>
      event.type === 'output' ? [Buffer.from(event.chunk.data, event.chunk.encoding)] : [],
    ),
  );

describe('event stream', () => {
  it('brings 10,000 lines in order, byte for byte, then the end', async () => {
    const expected = Array.from({ length: 10_000 }, (_, n) => `line ${n} ${'é'.repeat(n % 7)}\n`).join('');
    const code = 'for n in range(10000):\n    print("line", n, "é" * (n % 7))';
    const job = await client.submit(python(code));
    const events: JobStreamEvent[] = [];
    for await (const event of client.events(job.id)) events.push(event);
    expect(bytesOf(events).equals(Buffer.from(expected))).toBe(true);
    let next = 0;
    for (const event of events) {
      if (event.type !== 'output') continue;
      expect(event.chunk.offset).toBe(next);
      next += Buffer.byteLength(event.chunk.data, event.chunk.encoding);
    }
    const stages = events.flatMap((event) => (event.type === 'state' ? [event.job.stage] : []));
    expect(stages.at(-1)).toBe('succeeded');
    expect(events.at(-1)?.type).toBe('state');
    expect(stages.filter((stage) => stage === 'succeeded')).toHaveLength(1);
  });

  it('brings output while the job runs', async () => {
    const job = await client.submit(python('import time\nprint("first")\ntime.sleep(3)\nprint("second")'));
    let firstSeenRunning = false;
    for await (const event of client.events(job.id)) {
      if (event.type !== 'output' || !event.chunk.data.includes('first')) continue;
      firstSeenRunning = (await client.get(job.id)).stage === 'running';
      break;
    }
    expect(firstSeenRunning).toBe(true);
    await client.cancel(job.id);
  });

  it('resumes behind the last event id, also when the job is long over', async () => {
    const job = await client.submit(python('print("a" * 10)\nprint("b" * 10)'), { waitMs: 30_000 });
    const answer = await raw(`/v1/jobs/${job.id}/events`, { headers: { 'last-event-id': '1:11' } });
    const text = await answer.text();
    expect(text).toContain('bbbbbbbbbb');
    expect(text).not.toContain('aaaaaaaaaa');
    expect(text).toContain('"stage":"succeeded"');
  });

  it('says that output was cut, and cuts it exactly', async () => {
    const job = await client.submit(python('import sys\nfor _ in range(6000): sys.stdout.write("x" * 1024)'));
    const events: JobStreamEvent[] = [];
    for await (const event of client.events(job.id)) events.push(event);
    const tool = (await client.tools()).find((one) => one.name === 'code_execution');
    const limit = tool?.outputBytes ?? 0;
    expect(bytesOf(events).byteLength).toBe(Math.min(limit, 6_000 * 1_024));
    if (limit < 6_000 * 1_024)
      expect(events.filter((event) => event.type === 'truncated')).toEqual([
        { type: 'truncated', attempt: 1, bytes: limit },
      ]);
  });
});
