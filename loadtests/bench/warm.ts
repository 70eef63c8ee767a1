/**
 * `npm run bench -- warm`: an echo job from submission to outcome over HTTP on the one-node Swarm, against a container
 * started for it, in alternating blocks of one run: the machine is the same for both.
 *
 *   --url URL --key-file PATH --image REF   a fleet on loopback and its tool image (default: the Swarm is deployed)
 *   --n N                                   warm jobs of each kind (500)
 *   --cold N                                cold runs of each kind (15)
 *
 * Exit codes: 0 measured, whether aims were met or not; 1 a broken run; 2 wrong options.
 */
import { deploySwarm, type Session } from '@zerofleet/launch';
import type { JobView } from '@zerofleet/protocol';
import { ZerofleetClient } from '@zerofleet/sdk';
import { OptionError, targetOf, valuesIn, whole, type Target } from '../shared/options.js';
import { say } from '../shared/output.js';
import { runScenario } from '../shared/scenario.js';
import { coldJob, coldPlain } from './cold/container.js';
import { atLeast, atMost, latencyFigures, percentile, publish } from '../shared/report.js';

const WARM_UPS = 20;
const BLOCKS = 5;
const WAIT_MS = 30_000;
const SAMPLES_MAX = 10_000;

interface WarmOptions {
  readonly fleet: (Target & { readonly image: string }) | undefined;
  readonly n: number;
  readonly cold: number;
}

const parseOptions = (words: readonly string[]): WarmOptions => {
  const values = valuesIn(words, ['url', 'key-file', 'image', 'n', 'cold']);
  const target = targetOf(values, process.env);
  if ((target === undefined) !== (values.image === undefined))
    throw new OptionError('--url and --image go together');
  return {
    fleet:
      target === undefined || values.image === undefined ? undefined : { ...target, image: values.image },
    n: whole('--n', values.n, 500, SAMPLES_MAX),
    cold: whole('--cold', values.cold, 15, SAMPLES_MAX),
  };
};

/** One kind of sample: `take` gives its latency in ms. */
interface Kind {
  readonly name: string;
  readonly n: number;
  readonly take: (index: number) => Promise<number>;
  readonly samples: number[];
}

const warm = async (session: Session, options: WarmOptions): Promise<number> => {
  const fleet = options.fleet ?? (await ownFleet(session));
  const { signal } = session;
  const client = new ZerofleetClient({ urls: [fleet.url], apiKey: fleet.apiKey });
  const kind = (name: string, n: number, take: Kind['take']): Kind => ({ name, n, take, samples: [] });
  const held = kind('warm_submit_wait', options.n, (index) => submitAndWait(client, `held ${index}`, signal));
  const polled = kind('warm_submit_then_get', options.n, (index) =>
    submitThenGet(client, `polled ${index}`, signal),
  );
  const job = kind('cold_job', options.cold, (index) => coldJob(fleet.image, `cold ${index}`, signal));
  const plain = kind('cold_plain', options.cold, () => coldPlain(fleet.image, signal));
  for (let index = 0; index < WARM_UPS; index += 1) await submitAndWait(client, `warm-up ${index}`, signal);
  for (let block = 0; block < BLOCKS; block += 1) {
    say(`block ${block + 1} of ${BLOCKS}`);
    for (const one of [held, job, polled, plain]) await sampleBlock(one, block);
  }
  const p50 = ({ samples }: Kind): number => percentile(samples, 0.5);
  const ratios = {
    cold_job_over_warm: p50(job) / p50(held),
    cold_plain_over_warm: p50(plain) / p50(held),
  };
  const ratio = Math.min(...Object.values(ratios));
  publish({
    bench: 'warm',
    figures: Object.fromEntries(
      [held, polled, job, plain].flatMap(({ name, samples }) =>
        Object.entries(latencyFigures(name, samples)),
      ),
    ),
    ratios,
    aims: {
      accept_p50: atMost(15, 'ms', p50(held)),
      goal_p50: atMost(5, 'ms', p50(held)),
      accept_ratio: atLeast(20, 'x', ratio),
      goal_ratio: atLeast(100, 'x', ratio),
    },
  });
  return 0;
};

/** The share of block `block`: all blocks together bring `n`. */
const sampleBlock = async ({ n, take, samples }: Kind, block: number): Promise<void> => {
  const end = Math.floor((n * (block + 1)) / BLOCKS);
  while (samples.length < end) samples.push(await take(samples.length));
};

const submitAndWait = async (client: ZerofleetClient, text: string, signal: AbortSignal): Promise<number> => {
  const began = performance.now();
  const job = await client.submit({ tool: 'echo', arguments: { text } }, { waitMs: WAIT_MS, signal });
  const tookMs = performance.now() - began;
  check(job, text);
  return tookMs;
};

const submitThenGet = async (client: ZerofleetClient, text: string, signal: AbortSignal): Promise<number> => {
  const began = performance.now();
  const { id } = await client.submit({ tool: 'echo', arguments: { text } }, { signal });
  const job = await client.get(id, { waitMs: WAIT_MS, signal });
  const tookMs = performance.now() - began;
  check(job, text);
  return tookMs;
};

const check = (job: JobView, text: string): void => {
  if (job.stage !== 'succeeded')
    throw new Error(`job ${job.id} ended as ${job.stage}: ${job.error?.message ?? ''}`);
  if (JSON.stringify(job.result) !== JSON.stringify({ text }))
    throw new Error(`job ${job.id} brought ${JSON.stringify(job.result)}`);
};

const ownFleet = async (session: Session): Promise<Target & { image: string }> => {
  const { apiUrl, apiKey, toolImage } = await deploySwarm(session);
  return { url: apiUrl, apiKey, image: toolImage };
};

await runScenario(async (session) => warm(session, parseOptions(process.argv.slice(2))));
