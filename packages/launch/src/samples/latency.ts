/** Warm against cold: an echo job through the whole fleet, and `docker run --rm` of the same image. */
import { ZerofleetClient } from '@zerofleet/sdk';
import type { Fleet } from '../fleet/fleet.js';
import { docker } from '../host/docker.js';
import { LaunchError } from '../errors.js';

const WARM_JOBS = 20;
const COLD_RUNS = 3;

/** The middle of `values`, in their unit; the lower one of an even number. NaN for none. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
};

/** Milliseconds from submit to outcome over HTTP, for 20 echo jobs one after another. Throws when one fails. */
export const warmLatencies = async (fleet: Fleet, signal: AbortSignal): Promise<readonly number[]> => {
  const client = new ZerofleetClient({ urls: [fleet.apiUrl], apiKey: fleet.apiKey });
  const times: number[] = [];
  for (let n = 0; n < WARM_JOBS; n += 1) {
    const began = performance.now();
    const job = await client.submit(
      { tool: 'echo', arguments: { text: `warm ${n}` } },
      { waitMs: 30_000, signal },
    );
    times.push(performance.now() - began);
    if (job.stage !== 'succeeded') throw new LaunchError(`an echo job ended as ${job.stage}`);
  }
  return times;
};

/** Milliseconds of `docker run --rm` of the tool image for a Python that prints a line, 3 times. */
export const coldLatencies = async (image: string, signal: AbortSignal): Promise<readonly number[]> => {
  const times: number[] = [];
  const args = [
    'run',
    '--rm',
    '--network',
    'none',
    '--entrypoint',
    'python3',
    image,
    '-I',
    '-c',
    'print("cold")',
  ];
  for (let n = 0; n < COLD_RUNS; n += 1) {
    const began = performance.now();
    await docker(args, { signal });
    times.push(performance.now() - began);
  }
  return times;
};
