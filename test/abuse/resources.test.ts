/** Groups 2 and 3: memory of every kind, disk and inodes. */
import { afterEach, describe, expect, it } from 'vitest';
import { attack, toldOf } from './harness/attack.js';
import { fullAtItsSize, isFlat, ownPlacesOnly } from './harness/claims.js';
import { allFine, facts } from './harness/fleet.js';
import { growthDuring } from './harness/host.js';
import { besideNeighbour } from './harness/suite.js';

const MIB = 1024 ** 2;
const beside = besideNeighbour();

afterEach(() => allFine());

describe('2 memory bomb', () => {
  it('of every kind: the job is killed', async () => {
    await beside('2 memory', async () => {
      for (const kind of ['anonymous', 'shared', 'memory-file', 'system-v']) {
        const end = await attack('memory.py', { args: [kind] });
        expect(end.job, kind).toMatchObject({ stage: 'failed', error: { code: 'killed' } });
        expect(end.job.error?.message).toContain('SIGKILL');
        expect(toldOf(end, 'taken')).toBeGreaterThanOrEqual(64 * MIB);
        expect(toldOf(end, 'all_taken')).toBeUndefined();
      }
    });
  });

  it('fills the page cache and goes on', async () => {
    await beside('2 page cache', async () => {
      const end = await attack('page-cache.py');
      expect(end.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
      expect(toldOf(end, 'read')).toBeGreaterThan(100 * MIB);
      expect(toldOf(end, 'written')).toBe(512 * MIB);
    });
  });
});

describe('3 disk', () => {
  it('fills no more than its own places, and nothing of the host', async () => {
    const growth = await growthDuring(facts(), async () => {
      await beside('3 fills its disks', async () => {
        fullAtItsSize(await attack('fill-disks.py'));
      });
    });
    isFlat(growth);
  });

  it('makes files without number', async () => {
    await beside('3 inodes', async () => {
      const end = await attack('fill-inodes.py');
      expect(['ENOSPC', undefined]).toContain(toldOf(end, 'refused'));
      if (toldOf(end, 'refused') === undefined)
        expect(end.job).toMatchObject({ stage: 'failed', error: { code: 'killed' } });
      expect(toldOf(end, 'made')).toBeGreaterThan(10_000);
    });
  });

  it('can write nowhere else', async () => {
    ownPlacesOnly(await attack('write-everywhere.py'));
  });
});
