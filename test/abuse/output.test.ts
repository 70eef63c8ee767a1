/** Group 4: floods of output, with and without readers. */
import { request, type ClientRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../fleet/eventually.js';
import { attack, endOf, submissionOf } from './harness/attack.js';
import { isFlat } from './harness/claims.js';
import { goneAtMs } from './harness/engine.js';
import { allFine, clientOf, facts, outputOf } from './harness/fleet.js';
import { growthDuring, type Growth } from './harness/host.js';
import { addRow } from './harness/report.js';
import { besideNeighbour } from './harness/suite.js';

/** What the tool keeps of its output, by its definition. */
const OUTPUT_BYTES = 4 * 1024 * 1024;
const READERS = 8;
const beside = besideNeighbour();

afterEach(() => allFine());

const note = (name: string, growth: Growth): void =>
  addRow(facts().rowsFile, {
    table: 'floods',
    name,
    figures: {
      'disk MiB': growth.diskMiB,
      'worker MiB': growth.workerMiB,
      'coordinator MiB': growth.coordinatorMiB,
      'broker MiB': growth.brokerMiB,
      looks: growth.looks,
    },
  });

/** Readers of a job's events that never read: their connections fill up and stay so. */
const stalledReaders = (job: string, count: number): ClientRequest[] =>
  Array.from({ length: count }, () => {
    const { apiUrl, keys } = facts();
    const reader = request(`${apiUrl}/v1/jobs/${job}/events`, {
      headers: { authorization: `Bearer ${keys.mallory}` },
    });
    reader.on('response', (answer) => answer.pause());
    reader.on('error', () => undefined);
    reader.end();
    return reader;
  });

describe('4 output flood', () => {
  it('1 GiB of lines, of one line, and of bytes that are no text: cut exactly, nothing grows', async () => {
    await beside('4 floods', async () => {
      for (const kind of ['lines', 'one-line', 'binary']) {
        const growth = await growthDuring(facts(), async () => {
          const { job } = await attack('flood.py', { args: [kind] });
          expect(job).toMatchObject({ stage: 'failed', exitCode: 7, error: { code: 'tool_error' } });
          expect(job.output).toMatchObject({ bytes: OUTPUT_BYTES, truncated: true });
          expect(outputOf(job).byteLength).toBe(OUTPUT_BYTES);
        });
        note(`4 flood, ${kind}`, growth);
        isFlat(growth);
      }
    });
  });

  it('with readers that stall: cancelled in the middle of it, its container gone within 3 s', async () => {
    const client = clientOf('mallory');
    const growth = await growthDuring(facts(), () =>
      beside('4 flood, stalled readers', async () => {
        const { id } = await client.submit(submissionOf('flood-on.py', { timeoutMs: 30_000 }));
        const readers = stalledReaders(id, READERS);
        try {
          await eventually('it floods', async () =>
            (await client.get(id)).stage === 'running' ? true : undefined,
          );
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          const cancelledAtMs = Date.now();
          await client.cancel(id);
          const end = endOf(await client.wait(id, { timeoutMs: 20_000 }));
          expect(end.job).toMatchObject({
            stage: 'cancelled',
            output: { bytes: OUTPUT_BYTES, truncated: true },
          });
          const gone = (await goneAtMs([end.container], facts().broker)).get(end.container) ?? Infinity;
          expect(gone - cancelledAtMs).toBeLessThan(3_000);
        } finally {
          for (const reader of readers) reader.destroy();
        }
      }),
    );
    note('4 flood, stalled readers', growth);
    isFlat(growth);
  });
});
