/**
 * `npm run load -- steady`: jobs at a steady rate, then an audit of every accepted one.
 *
 *   --url URL         a fleet on loopback (default: an embedded one is started)
 *   --key-file PATH   its key (or ZEROFLEET_API_KEY)
 *   --rate N          submissions a second (50)
 *   --duration-s N    how long (30)
 *   --tool NAME       echo or code_execution (echo)
 *   --outcome-s N     how long the audit waits for outcomes (60)
 *
 * Exit codes: 0 PASS, 1 FAIL or a broken run, 2 wrong options, 3 INVALID.
 */
import { startEmbedded, type Session } from '@zerofleet/launch';
import { ZerofleetClient } from '@zerofleet/sdk';
import { say, writeResult } from './shared/output.js';
import type { Target } from './shared/options.js';
import { runScenario } from './shared/scenario.js';
import { audit } from './steady/audit.js';
import { generate } from './steady/generator-process.js';
import { parseOptions, type SteadyOptions } from './steady/options.js';
import { documentOf, tableOf } from './steady/report.js';
import { judge } from './steady/verdict.js';

const EXIT_BY_VERDICT = { PASS: 0, FAIL: 1, INVALID: 3 } as const;
const MS_PER_S = 1_000;

const steady = async (session: Session, options: SteadyOptions): Promise<number> => {
  const { rate, durationS, workload, outcomeS } = options;
  const { url, apiKey } = options.target ?? (await ownFleet(session));
  const client = new ZerofleetClient({ urls: [url], apiKey });
  await client.status({ signal: session.signal });
  say(`${rate} ${workload.tool} jobs a second for ${durationS} s on ${url}`);
  const load = await generate({ url, apiKey, rate, durationS }, workload.tool, session.signal);
  say(`${load.accepted.length} accepted; auditing each`);
  const audited = await audit(client, workload, load.accepted, outcomeS * MS_PER_S, () => performance.now());
  const run = { options, load, audit: audited, verdict: judge(load, audited) };
  say(tableOf(run));
  say(writeResult('steady', documentOf(run)));
  return EXIT_BY_VERDICT[run.verdict.verdict];
};

const ownFleet = async (session: Session): Promise<Target> => {
  const { apiUrl, apiKey } = await startEmbedded(session);
  return { url: apiUrl, apiKey };
};

await runScenario(async (session) => steady(session, parseOptions(process.argv.slice(2), process.env)));
