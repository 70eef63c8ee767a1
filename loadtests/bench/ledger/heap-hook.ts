/**
 * Loaded into a coordinator by NODE_OPTIONS: on SIGUSR2 it collects garbage and writes what the heap holds to
 * ZF_BENCH_HEAP_DIR/PID.json. The coordinator itself knows nothing of it.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

process.on('SIGUSR2', () => {
  collect();
  const path = join(process.env['ZF_BENCH_HEAP_DIR'] ?? '.', `${process.pid}.json`);
  writeFileSync(`${path}.new`, JSON.stringify(process.memoryUsage()));
  renameSync(`${path}.new`, path);
});
