/** JSON logs by pino: a fixed event name as message, data as fields. Secrets never get here: fields named like one are cut. */
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** The root logger of a process. `level` is a pino level. Writes to stdout. */
export const createLogger = (name: string, level: string): Logger =>
  pino({
    name,
    level,
    redact: {
      paths: ['password', 'token', 'apiKey', 'authorization', '*.password', '*.token', '*.apiKey'],
      censor: '***',
    },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });

/** A logger that says nothing, for tests. */
export const silentLogger = (): Logger => pino({ level: 'silent' });
