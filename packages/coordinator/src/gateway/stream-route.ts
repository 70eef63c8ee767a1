/** Joins a job's stream to the shard's feed and a reader's connection. */
import type { JobSnapshot } from '../engine/ports.js';
import { JobStream } from './job-stream.js';
import type { ShardAccess } from './shard-access.js';
import type { SseWriter } from './sse.js';
import { outputOf } from './views.js';

/** A tail that says nothing is looked at so often, in ms. */
const TAIL_POLL_MS = 1_000;

/** Streams `job` to `writer` until it ends or the reader leaves. Never throws. */
export const streamJob = async (shard: ShardAccess, job: JobSnapshot, writer: SseWriter): Promise<void> => {
  const { tenant, id } = job.envelope;
  const stream = new JobStream({
    first: job,
    openTail: (running, from, wake) => shard.openTail(running, from, wake),
    loadOutput: (finished) => outputOf(finished, () => shard.blobs()),
    resume: writer.resume,
    signal: writer.signal,
    pollMs: TAIL_POLL_MS,
  });
  const unlisten = shard.feed.listen(id, (change) => stream.push(change));
  const now = shard.known(tenant, id);
  if (now !== undefined && now.state !== job.state) stream.push(now);
  try {
    for await (const event of stream.events()) await writer.write(event);
    writer.end();
  } catch {
    writer.cut();
  } finally {
    unlisten();
  }
};
