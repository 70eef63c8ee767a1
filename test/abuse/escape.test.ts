/** Groups 6, 7, 16 and 19: the runner, the kernel, the clock, and what a later job of the container reads. */
import { afterEach, describe, expect, it } from 'vitest';
import { attack, toldOf, triedIn, untilSameContainer } from './harness/attack.js';
import { kernelRefuses, notRefused } from './harness/claims.js';
import { goneAtMs } from './harness/engine.js';
import { allFine, facts, outputOf } from './harness/fleet.js';
import { besideNeighbour } from './harness/suite.js';

const beside = besideNeighbour();

afterEach(() => allFine());

describe('6 the runner', () => {
  it('outlives a job that kills all it may, which ends with its container', async () => {
    await beside('6 kills all', async () => {
      for (const file of ['kill-all.py', 'kill-parent.py']) {
        const end = await attack(file);
        expect(end.job, file).toMatchObject({ stage: 'failed', error: { code: 'killed' } });
        expect((await attack('who-is-here.py')).container).not.toBe(end.container);
        await goneAtMs([end.container], facts().broker);
      }
    });
  });

  it('cannot be signalled, traced, read or written, nor can its frames be forged', async () => {
    await beside('6 against the runner', async () => {
      const end = await attack('against-runner.py');
      expect(end.job).toMatchObject({ stage: 'failed', exitCode: 3, error: { code: 'tool_error' } });
      // Init, supervisor, sweeper and the job's first process.
      expect(toldOf(end, 'others')).toBeGreaterThanOrEqual(4);
      expect(Object.keys(triedIn(end)).length).toBeGreaterThan(40);
      expect(notRefused(end)).toEqual([]);
      expect(toldOf(end, 'descriptors')).toEqual([0, 1, 2]);
      expect(toldOf(end, 'forged')).toBe(true);
      expect(outputOf(end.job).filter((byte) => byte === 0xff).byteLength).toBe(2);
    });
  });
});

describe('7 and 16 the kernel and the clock', () => {
  it('refuse everything', async () => {
    await beside('7 kernel', async () => {
      kernelRefuses(await attack('kernel.py'));
    });
  });
});

describe('19 poison', () => {
  it('does not outlive its job', async () => {
    await beside('19 poison', async () => {
      const left = await attack('leave-poison.py');
      expect(left.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
      expect(toldOf(left, 'poison')).toBe('left');
      expect(notRefused(left).filter((what) => !what.startsWith('mode of the work directory'))).toEqual([]);
      const looks = await untilSameContainer('look-for-poison.sh', left);
      for (const look of looks) {
        expect(look.job).toMatchObject({ stage: 'succeeded', exitCode: 0 });
        expect(Object.assign({}, ...look.told)).toMatchObject({
          python: '[1]',
          node: 'function',
          login: 'plain',
          interactive: 'plain',
          files: '',
          umask: '0022',
          nice: '0',
          open_files: '1024',
          blocked: '0000000000000000',
          mode: '700:tool',
        });
      }
    });
  });
});
