import { describe, expect, it } from 'vitest';
import { fleetPackages, npmReason } from './staging.js';

describe('fleetPackages', () => {
  it('are the apps and what they need, not the clients', () => {
    const names = fleetPackages();
    expect(names).toEqual(
      expect.arrayContaining(['coordinator', 'worker', 'engine-broker', 'model', 'protocol', 'runtime']),
    );
    expect(names).not.toContain('cli');
    expect(names).not.toContain('launch');
  });
});

describe('npmReason', () => {
  it('is the first line that says something', () => {
    const stderr =
      'npm warn x\nnpm error code EUSAGE\nnpm error\nnpm error the lock is not in sync\nnpm error Usage:\n';
    expect(npmReason(stderr)).toBe('the lock is not in sync');
    expect(npmReason('')).toBe('npm says nothing');
  });
});
