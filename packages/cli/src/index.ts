/** The zerofleet command, for programs that run it in their own process. */
export type { CliEnvironment } from './context.js';
export { runCli } from './program.js';
