import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../paths.js';
import { REGISTRY_BASES } from './bases.js';
import { NODE_VERSION } from './standin.js';

const defaultBase = (image: string): string | undefined =>
  /^ARG BASE=(\S+)$/m.exec(readFileSync(join(ROOT, 'images', image, 'Dockerfile'), 'utf8'))?.[1];

describe('base images', () => {
  it.each([
    ['base', 'node'],
    ['fleet', 'node'],
    ['nats', 'debian'],
    ['redis', 'redis'],
  ] as const)('the Dockerfile of %s has the pinned default', (image, base) => {
    expect(defaultBase(image)).toBe(REGISTRY_BASES[base]);
  });

  it('are pinned to a release', () => {
    for (const reference of Object.values(REGISTRY_BASES))
      expect(reference).toMatch(/:[^:]*\d+\.\d+|:\w+-\d{8}/);
  });

  it('have the same Node as the stand-in', () => {
    expect(REGISTRY_BASES.node).toContain(`:${NODE_VERSION}-`);
  });
});
