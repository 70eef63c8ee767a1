/** Durations as people write them. */
import { UsageError } from './failure.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `5m`, `1h` or `30` (seconds), in ms. Throws UsageError naming `option`. */
export const parseDuration = (option: string, text: string): number => {
  const match = /^(\d{1,9})(ms|s|m|h)?$/.exec(text);
  const ms = match === null ? -1 : Number(match[1]) * (UNIT_MS[match[2] ?? 's'] ?? 0);
  if (ms >= 0 && Number.isSafeInteger(ms)) return ms;
  throw new UsageError(`${option} is '${text}'; give a duration such as 500ms, 30s or 5m`);
};
