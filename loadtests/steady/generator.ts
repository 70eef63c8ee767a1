/** The load as a process of its own, so that the audit and the report take no time from it. Speaks by IPC with its parent. */
import { runLoad, type LoadOptions } from './load.js';
import { WORKLOADS } from './workloads.js';

process.once('message', (asked: { options: LoadOptions; tool: string }) => {
  const workload = WORKLOADS.get(asked.tool);
  if (workload === undefined) throw new Error(`no workload for ${asked.tool}`);
  void runLoad(asked.options, workload).then((result) => {
    process.send?.(result, () => process.disconnect());
  });
});
