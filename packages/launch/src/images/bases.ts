/** What our images stand on: pinned images of a registry, or stand-ins made from Debian where none can be reached. */
import { attempt } from '../exec.js';
import { dockerQuiet } from '../host/docker.js';

/** Pinned; the Dockerfiles have the same defaults, and a test compares them. */
export const REGISTRY_BASES = {
  debian: 'debian:trixie-20260918-slim',
  node: 'node:24.21.0-trixie-slim',
  redis: 'redis:8.4.0-bookworm',
} as const;

/** References to build on. */
export interface Bases {
  readonly kind: 'registry' | 'stand-in';
  readonly debian: string;
  readonly node: string;
  readonly redis: string;
}

export const registryBases: Bases = { kind: 'registry', ...REGISTRY_BASES };

const PROBE_MS = 6_000;

/** Whether the registry of the base images answers: one pull of the smallest, for at most 6 s. */
export const registryAnswers = async (signal: AbortSignal): Promise<boolean> => {
  const present = await dockerQuiet(['image', 'inspect', REGISTRY_BASES.debian]);
  if (present.code === 0) return true;
  const pull = await attempt('docker', ['pull', REGISTRY_BASES.debian], { timeoutMs: PROBE_MS, signal });
  return pull.code === 0 || /Pulling fs layer|Downloading|Download complete/.test(pull.stdout);
};
