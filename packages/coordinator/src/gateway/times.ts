/** Times as callers write them. */

/** A time with its zone, as Unix ms; undefined for anything else. */
export const parseTime = (text: string): number | undefined => {
  const match = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const day = Date.parse(`${match?.[1]}T00:00:00Z`);
  const ms = Date.parse(text);
  if (match === null || Number.isNaN(day) || Number.isNaN(ms)) return undefined;
  // A day that its month does not have would be read as one of the next month.
  return new Date(day).toISOString().startsWith(match[1] ?? '') ? ms : undefined;
};
