import type { JobView } from '@zerofleet/protocol';
import { describe, expect, it } from 'vitest';
import { audit, type JobReader } from './audit.js';
import type { Accepted } from './load.js';
import { WORKLOADS, type Workload } from './workloads.js';

const echo = WORKLOADS.get('echo') as Workload;

const job = (id: string, text: string, more: Partial<JobView> = {}): JobView =>
  ({ id, stage: 'succeeded', attempt: 1, error: null, result: { text }, output: null, ...more }) as JobView;

const read = (jobs: Readonly<Record<string, JobView[]>>): JobReader => {
  const left = new Map(Object.entries(jobs));
  const look = (id: string): Promise<JobView> => {
    const views = left.get(id);
    const view = views !== undefined && views.length > 1 ? views.shift() : views?.[0];
    return view === undefined
      ? Promise.reject(new Error('There is no such job of yours.'))
      : Promise.resolve(view);
  };
  return { wait: look, get: look };
};

const audited = (accepted: readonly Accepted[], jobs: Readonly<Record<string, JobView[]>>) =>
  audit(read(jobs), echo, accepted, 1_000, () => 0);

describe('audit', () => {
  it('passes jobs that each brought their own outcome', async () => {
    const result = await audited(
      [
        [0, 'a'],
        [1, 'b'],
      ],
      { a: [job('a', 'job 0')], b: [job('b', 'job 1', { attempt: 2 })] },
    );
    expect(result).toEqual({
      audited: 2,
      right: 2,
      doubled: 0,
      withoutOutcome: 0,
      wrong: 0,
      retried: 1,
      examples: [],
    });
  });

  it('finds lost, unfinished, failed, mixed-up and changing outcomes, and ids given twice', async () => {
    const accepted: Accepted[] = [
      [0, 'lost'],
      [1, 'open'],
      [2, 'failed'],
      [3, 'mixed'],
      [4, 'moved'],
      [5, 'twice'],
      [6, 'twice'],
    ];
    const result = await audited(accepted, {
      open: [job('open', '', { stage: 'running' })],
      failed: [job('failed', '', { stage: 'failed', error: { code: 'tool_error', message: 'no' } })],
      mixed: [job('mixed', 'job 4')],
      moved: [job('moved', 'job 4'), job('moved', 'job 4', { attempt: 2 })],
      twice: [job('twice', 'job 5')],
    });
    expect(result).toMatchObject({ audited: 7, right: 1, doubled: 1, withoutOutcome: 2, wrong: 4 });
    expect(result.examples).toContain('failed failed (no)');
  });
});
