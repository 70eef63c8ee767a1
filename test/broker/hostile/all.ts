/**
 * Calls that a broken or taken-over worker could make. Each is refused with a status and a code, and changes nothing: the
 * caller's own container, its stream and all that others have stay as they were.
 */
import { BODIES } from './bodies.js';
import type { HostileCall } from './call.js';
import { CALLERS } from './callers.js';
import { IMAGES } from './images.js';
import { PATHS } from './paths.js';
import { WIRE } from './wire.js';

/** All of them, by group. */
export const HOSTILE_CALLS: readonly HostileCall[] = [...BODIES, ...PATHS, ...CALLERS, ...WIRE, ...IMAGES];
