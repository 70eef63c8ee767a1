/** A job's event stream over a tail that a test scripts byte by byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  Attempt,
  BootId,
  JobId,
  JobState,
  OutputChunk,
  TenantId,
  ToolName,
  WorkerId,
} from '@zerofleet/model';
import { chunkBytes, chunkEnd, chunkOf, chunksFrom, type JobStreamEvent } from '@zerofleet/protocol';
import type { JobSnapshot } from '../engine/ports.js';
import { JobStream, type Tail } from './job-stream.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
    maxAttempts: 3,
    acceptedAtMs: 0,
    extras: null,
  },
});
const queued = (attempts: number): JobSnapshot =>
  job({ kind: 'queued', attemptsStarted: attempts, attemptsSpent: attempts, dueAtMs: null });
const running = (attempt: Attempt, cancelRequested = false): JobSnapshot =>
  job({
    kind: 'running',
    assignment: { attempt, epoch: 1, worker: 'w1' as WorkerId, boot: 'b' as BootId },
    attemptsSpent: attempt,
    startedAtMs: 0,
    cancelRequested,
  });
const finished = (attempt: Attempt, chunks: readonly OutputChunk[], truncated = false): JobSnapshot => {
  const last = chunks.at(-1);
  const bytes = last === undefined ? 0 : chunkEnd(last);
  const report = {
    value: null,
    exitCode: 0,
    usage: { wallMs: 1, cpuMs: 1, maxRssKiB: 1 },
    output: { kind: 'inline', bytes, truncated, chunks },
  } as const;
  const outcome = { kind: 'succeeded', report } as const;
  return job({ kind: 'finished', outcome, attempt, startedAtMs: 0, finishedAtMs: 1 });
};

/** What a tail has been given and not handed out, and whether it was closed. */
class ScriptedTail implements Tail {
  readonly attempt: Attempt;
  next: number;
  closed = false;
  private pending: OutputChunk[] = [];
  private readonly wake: () => void;

  constructor(attempt: Attempt, from: number, wake: () => void) {
    this.attempt = attempt;
    this.next = from;
    this.wake = wake;
  }

  /** Output as the worker publishes it: from the beginning, whatever the reader has. */
  bring(chunk: OutputChunk): void {
    this.pending.push(chunk);
    this.wake();
  }

  async read(): Promise<readonly OutputChunk[]> {
    const chunks = this.pending;
    this.pending = [];
    await settled();
    const run = chunksFrom(chunks, this.next).filter((chunk) => chunk.offset >= this.next);
    const last = run.at(-1);
    if (last !== undefined) this.next = chunkEnd(last);
    return run;
  }

  close(): void {
    this.closed = true;
  }
}

class Reader {
  readonly tails: ScriptedTail[] = [];
  readonly events: JobStreamEvent[] = [];
  readonly stream: JobStream;
  readonly gone = new AbortController();
  readonly over: Promise<void>;

  constructor(
    first: JobSnapshot,
    resume: { attempt: Attempt; offset: number } = { attempt: 0, offset: 0 },
    loadOutput?: (job: JobSnapshot) => Promise<readonly OutputChunk[]>,
  ) {
    this.stream = new JobStream({
      first,
      openTail: (snapshot, from, wake) => {
        if (snapshot.state.kind !== 'running') return undefined;
        const tail = new ScriptedTail(snapshot.state.assignment.attempt, from, wake);
        this.tails.push(tail);
        return tail;
      },
      loadOutput:
        loadOutput ??
        ((snapshot) => {
          if (snapshot.state.kind !== 'finished') throw new Error('not finished');
          const output = snapshot.state.outcome.report?.output;
          return Promise.resolve(output?.kind === 'inline' ? output.chunks : []);
        }),
      resume,
      signal: this.gone.signal,
      pollMs: 1e6,
    });
    this.over = this.collect();
  }

  /** Resolves when `count` events came. */
  async has(count: number): Promise<void> {
    while (this.events.length < count) await settled();
  }

  get words(): string[] {
    return this.events.map((event) => {
      switch (event.type) {
        case 'state':
          return event.job.stage;
        case 'attempt':
          return `attempt ${event.attempt}`;
        case 'output':
          return `${event.attempt}:${event.chunk.offset} ${event.chunk.data}`;
        case 'truncated':
          return `truncated ${event.bytes}`;
      }
    });
  }

  private async collect(): Promise<void> {
    for await (const event of this.stream.events()) this.events.push(event);
  }
}

const AB = chunkOf(0, 'stdout', Buffer.from('ab'));
const CD = chunkOf(2, 'stderr', Buffer.from('cd'));

describe('a stream', () => {
  it('announces an attempt, then its output as it comes, then the final state, and ends', async () => {
    const reader = new Reader(queued(0));
    await reader.has(1);
    reader.stream.push(running(1));
    await reader.has(3);
    reader.tails[0]?.bring(AB);
    await reader.has(4);
    reader.tails[0]?.bring(CD);
    await reader.has(5);
    reader.stream.push(finished(1, [AB, CD]));
    await reader.over;
    expect(reader.words).toEqual(['queued', 'running', 'attempt 1', '1:0 ab', '1:2 cd', 'succeeded']);
    expect(reader.tails.map((tail) => tail.closed)).toEqual([true]);
  });

  it('takes from the outcome what the tail never brought', async () => {
    const reader = new Reader(running(1));
    await reader.has(2);
    reader.tails[0]?.bring(AB);
    await reader.has(3);
    reader.stream.push(finished(1, [AB, CD]));
    await reader.over;
    expect(reader.words).toEqual(['running', 'attempt 1', '1:0 ab', '1:2 cd', 'succeeded']);
  });

  it('begins each new attempt at 0, also one that it saw only the end of', async () => {
    const reader = new Reader(running(1));
    await reader.has(2);
    reader.tails[0]?.bring(AB);
    await reader.has(3);
    reader.stream.push(queued(1));
    reader.stream.push(running(2));
    await reader.has(6);
    reader.tails[1]?.bring(AB);
    await reader.has(7);
    reader.stream.push(finished(3, [AB]));
    await reader.over;
    expect(reader.words).toEqual(
      ['running', 'attempt 1', '1:0 ab', 'queued', 'running', 'attempt 2', '2:0 ab'].concat([
        'attempt 3',
        '3:0 ab',
        'succeeded',
      ]),
    );
    expect(reader.tails.map((tail) => tail.closed)).toEqual([true, true]);
  });

  it('keeps its tail through a change within the attempt', async () => {
    const reader = new Reader(running(1));
    await reader.has(2);
    reader.stream.push(running(1, true));
    await reader.has(3);
    reader.tails[0]?.bring(AB);
    await reader.has(4);
    expect(reader.words).toEqual(['running', 'attempt 1', 'running', '1:0 ab']);
    expect(reader.tails).toHaveLength(1);
    reader.gone.abort();
    await reader.over;
  });

  it('passes over what is told again from the past, and keeps its output', async () => {
    const reader = new Reader(queued(1));
    reader.stream.push(running(2));
    await reader.has(3);
    reader.tails[0]?.bring(AB);
    await reader.has(4);
    for (const again of [queued(0), running(1), running(1, true), queued(1), running(2)])
      reader.stream.push(again);
    reader.tails[0]?.bring(CD);
    await reader.has(5);
    reader.stream.push(finished(2, [AB, CD]));
    await reader.over;
    expect(reader.words).toEqual(['queued', 'running', 'attempt 2', '2:0 ab', '2:2 cd', 'succeeded']);
    expect(reader.tails).toHaveLength(1);
  });

  it('goes on at the byte where the reader left off, within a chunk too', async () => {
    const live = new Reader(running(1), { attempt: 1, offset: 1 });
    await live.has(1);
    live.tails[0]?.bring(AB);
    await live.has(2);
    expect(live.words).toEqual(['running', '1:1 b']);
    live.gone.abort();
    const late = new Reader(finished(1, [AB, CD]), { attempt: 1, offset: 3 });
    await late.over;
    expect(late.words).toEqual(['1:3 d', 'succeeded']);
  });

  it('resumes a newer attempt from its beginning', async () => {
    const reader = new Reader(finished(2, [AB]), { attempt: 1, offset: 100 });
    await reader.over;
    expect(reader.words).toEqual(['attempt 2', '2:0 ab', 'succeeded']);
  });

  it('says that output was truncated, after all of it', async () => {
    const reader = new Reader(finished(1, [AB, CD], true));
    await reader.over;
    expect(reader.words).toEqual(['attempt 1', '1:0 ab', '1:2 cd', 'truncated 4', 'succeeded']);
  });

  it('of a job that ended in the queue is its final state alone', async () => {
    const outcome = { kind: 'cancelled', report: null } as const;
    const reader = new Reader(
      job({ kind: 'finished', outcome, attempt: 0, startedAtMs: null, finishedAtMs: 1 }),
    );
    await reader.over;
    expect(reader.words).toEqual(['cancelled']);
  });

  it('breaks off without a final state when the output cannot be read', async () => {
    const reader = new Reader(finished(1, [AB]), undefined, () => Promise.reject(new Error('blob away')));
    await expect(reader.over).rejects.toThrow('blob away');
    expect(reader.words).toEqual([]);
  });

  it('ends and closes its tail when the reader leaves', async () => {
    const reader = new Reader(running(1));
    await reader.has(2);
    reader.gone.abort();
    await reader.over;
    expect(reader.tails[0]?.closed).toBe(true);
  });

  it('brings every byte exactly once, however output, reads and the end are cut and interleaved', async () => {
    const plan = fc.record({
      bytes: fc.uint8Array({ maxLength: 60 }),
      cuts: fc.array(fc.nat(60), { maxLength: 8 }),
      /** How many of the pieces come live, and after which of them the stream gets time to run. */
      live: fc.nat(10),
      pauses: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
      resume: fc.option(fc.nat(60), { nil: undefined }),
      seenRunning: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ bytes, cuts, live, pauses, resume, seenRunning }) => {
        const edges = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])];
        edges.sort((a, b) => a - b);
        const chunks = edges
          .slice(1)
          .map((end, n) =>
            chunkOf(
              edges[n] ?? 0,
              n % 2 === 0 ? 'stdout' : 'stderr',
              Buffer.from(bytes.slice(edges[n], end)),
            ),
          );
        const from = Math.min(resume ?? 0, bytes.length);
        const end = finished(1, chunks);
        const reader = new Reader(
          seenRunning ? running(1) : end,
          resume === undefined ? undefined : { attempt: 1, offset: from },
        );
        if (seenRunning) {
          await reader.has(1);
          await settled();
          for (const [n, chunk] of chunks.slice(0, live).entries()) {
            reader.tails[0]?.bring(chunk);
            if (pauses[n] === true) await settled();
          }
          reader.stream.push(end);
        }
        await reader.over;
        const outputs = reader.events.filter((event) => event.type === 'output');
        let next = from;
        for (const { chunk } of outputs) {
          expect(chunk.offset).toBe(next);
          next = chunkEnd(chunk);
        }
        const got = Buffer.concat(outputs.map(({ chunk }) => chunkBytes(chunk)));
        expect(got).toEqual(Buffer.from(bytes.slice(from)));
        expect(reader.events.at(-1)).toMatchObject({ type: 'state', job: { stage: 'succeeded' } });
      }),
    );
  });
});
