/** How long a line takes from the job that writes it to a reader that follows the job's events over HTTP. */
import { chunkBytes } from '@zerofleet/protocol';
import type { ZerofleetClient } from '@zerofleet/sdk';

/** The job waits so long before it writes, so that its reader is there; in s. */
const PAUSE_S = 0.2;
const NS_PER_MS = 1_000_000;

/** Writes the machine's monotonic clock, which a container shares with it. */
const CODE = `import os, time; time.sleep(${PAUSE_S}); os.write(1, b"%d\\n" % time.monotonic_ns())`;

/** Runs one such job; its line's way in ms. Throws when none came, or not the whole of it at once. */
export const firstByteMs = async (client: ZerofleetClient, signal: AbortSignal): Promise<number> => {
  const { id } = await client.submit(
    { tool: 'code_execution', arguments: { runtime: 'python', code: CODE } },
    { signal },
  );
  let tookMs: number | undefined;
  for await (const event of client.events(id, { signal })) {
    if (event.type !== 'output' || tookMs !== undefined) continue;
    const now = process.hrtime.bigint();
    const line = /^(\d+)\n$/.exec(Buffer.from(chunkBytes(event.chunk)).toString('utf8'))?.[1];
    if (line === undefined) throw new Error(`job ${id} wrote ${JSON.stringify(event.chunk.data)}`);
    tookMs = Number(now - BigInt(line)) / NS_PER_MS;
  }
  if (tookMs === undefined) throw new Error(`no output of job ${id} came`);
  return tookMs;
};
