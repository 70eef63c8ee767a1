/** Names as one step of a path. */
import { BadOptionError } from './errors.js';

/**
 * `name` as one step of a path. Throws BadOptionError for one that would lead elsewhere: `.` and `..` are walked by whoever
 * reads the URL, so that a call about a tenant of that name would be about what stands above all tenants.
 */
export const step = (name: string): string => {
  if (name !== '' && name !== '.' && name !== '..') return encodeURIComponent(name);
  throw new BadOptionError(`'${name}' cannot be a name or an id`);
};
