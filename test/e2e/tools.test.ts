/** Each tool of the release, in warm containers of a real Swarm. */
import { describe, expect, it } from 'vitest';
import { clientOf, outputOf } from '../fleet/client.js';

const client = clientOf(0);
const WAIT = { waitMs: 30_000 };

describe('tools', () => {
  it('lists them with their schemas', async () => {
    const tools = await client.tools();
    expect(tools.map((tool) => tool.name)).toEqual(['code_execution', 'echo', 'text_editor']);
    for (const tool of tools) expect(tool.arguments).toMatchObject({ type: 'object' });
  });

  it('echo says what it was told', async () => {
    const job = await client.submit({ tool: 'echo', arguments: { text: 'hällo' } }, WAIT);
    expect(job).toMatchObject({ stage: 'succeeded', result: { text: 'hällo' }, attempt: 1 });
  });

  it.each([
    ['terminal', 'echo "$((6 * 7)) from $(whoami)"', '42 from tool\n'],
    ['python', 'import sys\nprint(6 * 7, "from", sys.version_info.major)', '42 from 3\n'],
    ['nodejs', 'console.log(6 * 7, "from", typeof process)', '42 from object\n'],
  ])('code_execution runs %s', async (runtime, code, expected) => {
    const job = await client.submit({ tool: 'code_execution', arguments: { runtime, code } }, WAIT);
    expect(job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
    expect(outputOf(job).toString()).toBe(expected);
    expect(job.usage?.wallMs).toBeGreaterThan(0);
  });

  it('code_execution tells stdout from stderr, and a failure from success', async () => {
    const code = 'import sys\nprint("out")\nprint("err", file=sys.stderr)\nsys.exit(3)';
    const job = await client.submit({ tool: 'code_execution', arguments: { runtime: 'python', code } }, WAIT);
    expect(job).toMatchObject({ stage: 'failed', exitCode: 3, error: { code: 'tool_error' } });
    const text = (stream: string): string =>
      (job.output?.chunks ?? [])
        .filter((chunk) => chunk.stream === stream)
        .map((chunk) => chunk.data)
        .join('');
    expect(text('stdout')).toBe('out\n');
    expect(text('stderr')).toBe('err\n');
  });

  it('text_editor writes, reads and patches, with input files', async () => {
    const files = [{ path: 'notes/a.txt', encoding: 'utf8' as const, data: 'one\ntwo\nthree\n' }];
    const written = await client.submit(
      { tool: 'text_editor', arguments: { action: 'write', path: 'b.txt', content: 'x\ny\n' } },
      WAIT,
    );
    expect(written).toMatchObject({ stage: 'succeeded', result: { lines: 2 } });
    const read = await client.submit(
      {
        tool: 'text_editor',
        arguments: { action: 'read', path: 'notes/a.txt', line_from: 2, line_to: 2 },
        files,
      },
      WAIT,
    );
    expect(read).toMatchObject({ stage: 'succeeded', result: { total_lines: 3 } });
    expect(JSON.stringify(read.result)).toContain('two');
    const patched = await client.submit(
      {
        tool: 'text_editor',
        arguments: { action: 'patch', path: 'notes/a.txt', edits: [{ from: 2, to: 2, content: 'TWO\n' }] },
        files,
      },
      WAIT,
    );
    expect(patched.stage).toBe('succeeded');
    expect(JSON.stringify(patched.result)).toContain('TWO');
    const missing = await client.submit(
      { tool: 'text_editor', arguments: { action: 'read', path: 'no.txt' } },
      WAIT,
    );
    expect(missing).toMatchObject({ stage: 'failed', error: { code: 'tool_error' } });
  });

  it('takes payloads and gives outputs far above the inline limit', async () => {
    const text = 'ü'.repeat(60_000);
    const job = await client.submit({ tool: 'echo', arguments: { text, repeat: 2 } }, WAIT);
    expect(job.stage).toBe('succeeded');
    expect(outputOf(job).equals(Buffer.from(`${text}\n${text}\n`))).toBe(true);
  });

  it('leaves nothing of one job for the next', async () => {
    const run = (code: string): ReturnType<typeof client.submit> =>
      client.submit({ tool: 'code_execution', arguments: { runtime: 'terminal', code } }, WAIT);
    await run('echo secret > /work/left; echo secret > /tmp/left; (sleep 300 &) ; export LEFT=1');
    for (let n = 0; n < 4; n += 1) {
      const job = await run(
        'ls -A /work /tmp /dev/shm; ps -o comm= 2>/dev/null | grep -c sleep; echo "[$LEFT]"',
      );
      expect(outputOf(job).toString()).not.toContain('left');
      expect(outputOf(job).toString()).toContain('[]');
    }
  });

  it('ends a job at its time limit', async () => {
    const began = Date.now();
    const job = await client.submit(
      {
        tool: 'code_execution',
        arguments: { runtime: 'terminal', code: "trap '' TERM; echo on; while true; do sleep 0.1; done" },
        timeoutMs: 1_000,
      },
      WAIT,
    );
    expect(job).toMatchObject({ stage: 'timed_out', error: { code: 'timed_out' } });
    expect(Date.now() - began).toBeLessThan(1_000 + 5_000);
  });
});
