/** `npm start`: a fleet, sample jobs, and what to type next. */
import { existsSync, readFileSync } from 'node:fs';
import { command } from './command.js';
import { down } from './down.js';
import { startEmbedded } from './fleet/embedded.js';
import type { Fleet } from './fleet/fleet.js';
import { writeSecret } from './keys.js';
import { parseStart, type StartOptions } from './options.js';
import { say } from './output.js';
import { DEMO_KEY, OPERATOR_KEY } from './paths.js';
import { coldLatencies, median, warmLatencies } from './samples/latency.js';
import { runSamples } from './samples/run.js';
import { recover, type Session } from './session.js';
import { deploySwarm } from './swarm/deploy.js';

const TENANT = 'demo';

export const main = (_command: string, args: readonly string[]): Promise<void> =>
  command(async (session) => {
    const options = parseStart(args);
    if (options.down) return down(session);
    const left = await recover(session.made);
    if (left > 0) say(`  took away ${left} things that an interrupted run had left`);
    const failed = options.swarm ? await startSwarm(session, options) : await startHere(session, options);
    if (options.once) return failed === 0 ? 0 : 1;
    say('\nCtrl-C ends the fleet.');
    await new Promise((resolve) => session.signal.addEventListener('abort', resolve, { once: true }));
    return 0;
  });

const startHere = async (session: Session, options: StartOptions): Promise<number> => {
  say('Starting an embedded fleet');
  const kept =
    options.data !== undefined && existsSync(DEMO_KEY) ? readFileSync(DEMO_KEY, 'utf8').trim() : undefined;
  const fleet = await startEmbedded(session, {
    tenants: [TENANT],
    ...(kept === undefined ? {} : { keys: [{ tenant: TENANT, apiKey: kept }] }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.data === undefined ? {} : { data: options.data }),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
  });
  const synced = fleet.nats.synced
    ? 'every acceptance is on disk before it is answered'
    : 'acceptance is not synced to disk';
  say(`  execution mode ${fleet.mode}; ${synced}; logs in ${fleet.logs}`);
  return show(fleet, session, options);
};

const startSwarm = async (session: Session, options: StartOptions): Promise<number> => {
  say('Starting a fleet on a one-node Swarm');
  const fleet = await deploySwarm(session, {
    tenants: [TENANT],
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  const failed = await show(fleet, session, options);
  const warm = median(await warmLatencies(fleet, session.signal));
  const cold = median(await coldLatencies(fleet.toolImage, session.signal));
  say(`\nwarm: echo, submit to outcome over HTTP, p50 of 20 jobs: ${warm.toFixed(1)} ms`);
  say(
    `cold: docker run --rm of the same image, p50 of 3: ${cold.toFixed(0)} ms (${(cold / warm).toFixed(0)} times as long)`,
  );
  return failed;
};

/** Runs the samples and says what to type next; returns how many samples failed. */
const show = async (fleet: Fleet, session: Session, options: StartOptions): Promise<number> => {
  writeSecret(DEMO_KEY, `${fleet.apiKey}\n`);
  writeSecret(OPERATOR_KEY, `${fleet.operatorKey}\n`);
  session.check();
  const failed = await runSamples(fleet, session.signal);
  say(failed === 0 ? '\nAll samples succeeded.' : `\n${failed} of the samples failed.`);
  if (!options.once) sayNext(fleet);
  return failed;
};

const sayNext = (fleet: Fleet): void => {
  say(`\nThe API is at ${fleet.apiUrl}; the key of tenant ${TENANT} is in ${DEMO_KEY}. In another terminal:`);
  say(`  export ZEROFLEET_URL=${fleet.apiUrl} ZEROFLEET_API_KEY=$(cat ${DEMO_KEY})`);
  say(`An operator's key, for tenants, quotas and pauses, is in ${OPERATOR_KEY}.`);
  say(`  curl -s "$ZEROFLEET_URL/v1/jobs?wait=10s" -H "authorization: Bearer $ZEROFLEET_API_KEY" \\`);
  say(`    -H 'content-type: application/json' -d '{"tool":"echo","arguments":{"text":"hello"}}'`);
  say(`  node packages/cli/dist/main.js run echo '{"text":"hello"}'`);
  say('  node packages/cli/dist/main.js tools');
};
