/** `npm run sim -- --seed N [--upgrade beside|held] [--trace]`: one history again, with what the auditor says of it. */
import { parseArgs } from 'node:util';
import { DEFECTS, UPGRADE_DEFECTS, type Defect } from './defects.js';
import { World } from './world.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean' },
    defect: { type: 'string' },
    calm: { type: 'boolean' },
    upgrade: { type: 'string' },
  },
});
const seed = Number(values.seed);
const defect = values.defect ?? 'none';
const { upgrade } = values;
const known = ['none', ...Object.keys(DEFECTS), ...Object.keys(UPGRADE_DEFECTS)].includes(defect);
const isUpgrade = upgrade === 'beside' || upgrade === 'held';
if (!Number.isInteger(seed) || !known || (upgrade !== undefined && !isUpgrade)) {
  process.stderr.write('sim: --seed N is missing; N is the number a failed run named\n');
  process.exit(2);
}
const world = new World(seed, {
  defect: defect as Defect,
  stormy: values.calm !== true,
  upgrade: isUpgrade ? upgrade : undefined,
});
const wrong = await world.run();
if (values.trace === true) process.stdout.write(`${world.trace.join('\n')}\n`);
process.stdout.write(
  `seed ${seed}: ${world.steps} events, ${world.auditor.jobs.size} jobs, ${world.leaderChanges} leader changes, ` +
    `${world.book.total} faults; ${wrong.length} violations\n`,
);
for (const line of wrong) process.stdout.write(`${line}\n`);
process.exit(wrong.length === 0 ? 0 : 1);
