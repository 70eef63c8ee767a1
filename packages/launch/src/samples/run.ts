/** Runs the samples against a fleet and shows their output as it comes. */
import { chunkBytes, FINAL_STAGES, type JobView } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { messageOf } from '../errors.js';
import type { Fleet } from '../fleet/fleet.js';
import { say, stamp } from '../output.js';
import { Lines } from './lines.js';
import { SAMPLES, type Sample } from './samples.js';

/** Runs every sample; returns how many failed. */
export const runSamples = async (fleet: Fleet, signal: AbortSignal): Promise<number> => {
  const client = new ZerofleetClient({ urls: [fleet.apiUrl], apiKey: fleet.apiKey });
  let failed = 0;
  for (const sample of SAMPLES) {
    if (signal.aborted) throw signal.reason as Error;
    say(`\n${sample.title}`);
    const problem = await runSample(client, sample, signal).catch((error: unknown) => messageOf(error));
    if (problem === undefined) continue;
    if (signal.aborted) throw signal.reason as Error;
    failed += 1;
    say(`  FAILED: ${problem}`);
  }
  return failed;
};

/** Runs one sample; returns what was wrong with it. */
const runSample = async (
  client: ZerofleetClient,
  sample: Sample,
  signal: AbortSignal,
): Promise<string | undefined> => {
  const began = performance.now();
  const accepted = await client.submit(sample.submit, { signal });
  const acceptedMs = performance.now() - began;
  let last: JobView = accepted;
  let text = '';
  const lines = new Lines((line) => say(`  ${stamp().padStart(8)} | ${line}`));
  for await (const event of client.events(accepted.id, { signal })) {
    if (event.type === 'state') last = event.job;
    if (event.type !== 'output') continue;
    const piece = chunkBytes(event.chunk).toString('utf8');
    text += piece;
    lines.add(piece);
  }
  lines.end();
  const totalMs = performance.now() - began;
  if (text === '' && last.result !== null) say(`  ${stamp().padStart(8)} = ${JSON.stringify(last.result)}`);
  say(
    `  ${last.stage}: accepted in ${acceptedMs.toFixed(1)} ms, outcome after ${totalMs.toFixed(1)} ms (job ${last.id})`,
  );
  if (!FINAL_STAGES.has(last.stage)) return 'the stream ended before the job did';
  if (last.stage !== 'succeeded')
    return last.error === null ? `stage ${last.stage}` : `${last.error.code}: ${last.error.message}`;
  const seen = `${text}${JSON.stringify(last.result)}`;
  return seen.includes(sample.expect) ? undefined : `'${sample.expect}' is not in what it gave`;
};
