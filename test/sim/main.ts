/** `npm run sim -- --seed N [--trace]`: one history again, with what the auditor says of it. */
import { parseArgs } from 'node:util';
import { audit } from './audit.js';
import { World } from './world.js';

const { values } = parseArgs({ options: { seed: { type: 'string' }, trace: { type: 'boolean' } } });
const seed = Number(values.seed);
if (!Number.isInteger(seed)) {
  process.stderr.write('sim: --seed N is missing; N is the number a failed run named\n');
  process.exit(2);
}
const world = new World(seed);
const thrown = await world.run({ jobs: 150, stepsMax: 6_000 }).then(
  () => [],
  (error: unknown) => [String(error)],
);
if (values.trace === true) process.stdout.write(`${world.trace.join('\n')}\n`);
const wrong = [...thrown, ...audit(world)];
process.stdout.write(
  `seed ${seed}: ${world.stepCount} events, ${world.accepted.size} jobs, ${world.leaderChanges} leaders, ` +
    `${[...world.faultsHit.values()].reduce((sum, n) => sum + n, 0)} faults; ${wrong.length} violations\n`,
);
for (const line of wrong) process.stdout.write(`${line}\n`);
process.exit(wrong.length === 0 ? 0 : 1);
