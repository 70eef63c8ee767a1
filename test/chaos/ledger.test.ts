/**
 * Three coordinators under load while leaders are killed and paused, NATS and workers killed, Redis flushed: no accepted
 * job is lost, none has two outcomes, none runs again without need. ZF_CHAOS_JOBS=200000 runs the full dose.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, startLab, type Lab } from '@zerofleet/launch';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { testSession } from '../fleet/session.js';
import { audit, faultsOf, type Evidence } from './ledger/audit.js';
import { doseFor, stepsOf } from './ledger/dose.js';
import { gather } from './ledger/evidence.js';
import { Monkey } from './ledger/monkey.js';
import { Submitter } from './ledger/submitter.js';
import { tableOf } from './ledger/table.js';

const dose = doseFor(process.env['ZF_CHAOS_JOBS']);

/** What a failed run leaves for people: the parts' logs, and what the audit read from files. */
const keep = (lab: Lab): void => {
  const folder = join(ROOT, '.zerofleet', 'logs', 'ledger-chaos');
  rmSync(folder, { recursive: true, force: true });
  for (const name of ['logs', 'attempts', 'accepted.txt', 'kills.txt'])
    if (existsSync(join(lab.folder, name)))
      cpSync(join(lab.folder, name), join(folder, name), { recursive: true });
  process.stdout.write(`\nthe logs of the run are in ${folder}\n`);
};

describe(`a ledger of three coordinators under chaos, ${dose.jobs} jobs`, () => {
  const session = testSession();
  let lab: Lab;
  let evidence: Evidence;
  beforeAll(async () => {
    lab = await startLab(session, {
      coordinators: dose.coordinators,
      workers: dose.workers,
      tenants: Array.from({ length: dose.tenants }, (_, n) => `tenant-${n}`),
      attempts: true,
    });
  });
  afterAll(() => session.close());

  it('loses nothing, doubles nothing, and begins nothing twice', async () => {
    const urls = lab.coordinators.map(({ apiUrl }) => apiUrl);
    const apiKeys = lab.tenants.map(({ apiKey }) => apiKey);
    const acceptedFile = join(lab.folder, 'accepted.txt');
    const killsFile = join(lab.folder, 'kills.txt');
    onTestFailed(() => keep(lab));
    const began = performance.now();
    let chaos = true;
    const goOn = (accepted: number): boolean =>
      session.interruption === undefined && (accepted < dose.jobs || chaos);
    const submitter = new Submitter({ urls, apiKeys, acceptedFile, goOn, inFlight: dose.inFlight });
    const monkey = new Monkey({ lab, dose, submitter, killsFile });
    const chaosOver = monkey.run().then(
      () => {
        chaos = false;
      },
      (error: unknown) => submitter.fail(error as Error),
    );
    await Promise.all([submitter.run(), chaosOver]);
    const { connection } = await lab.connect();
    evidence = await gather({
      acceptedFile,
      killsFile,
      urls,
      apiKeys,
      connection,
      attemptsFolder: lab.attemptsFolder,
    });
    const verdict = audit(evidence);
    const { gapsMs } = monkey;
    const tookMs = performance.now() - began;
    process.stdout.write(
      `\n${tableOf({ gapsMs, tookMs, repeatedSubmissions: submitter.repeated }, verdict)}`,
    );
    expect(faultsOf(verdict).slice(0, 20)).toEqual([]);
    const times = [...gapsMs].map(([deed, gaps]) => [deed, gaps.length]);
    expect(Object.fromEntries(times)).toEqual(dose.times);
    expect(verdict.accepted).toBeGreaterThanOrEqual(dose.jobs);
    expect(verdict.outcomes).toBe(verdict.accepted);
    expect(verdict.attempts - verdict.accepted).toBe(verdict.repeated);
  });

  it('would have seen one outcome taken out, one doubled, and one attempt too many', () => {
    const { outcomes, attempts, finished, killed } = evidence;
    const [outcome] = outcomes;
    const attempt = attempts.find(({ boot }) => !killed.has(boot));
    if (outcome === undefined || attempt === undefined) throw new Error('the run left no evidence');
    const { id } = outcome;
    const found = audit(evidence);
    const added = (
      change: Partial<Evidence>,
      kind: 'lost' | 'doubled' | 'strayAttempts',
    ): readonly string[] =>
      audit({ ...evidence, ...change })[kind].filter((fault) => !found[kind].includes(fault));
    const less = { outcomes: outcomes.slice(1), finished: finished.filter((one) => one.id !== id) };
    expect(added(less, 'lost')).toEqual([expect.stringContaining(id)]);
    const twice = [...outcomes, { ...outcome, ledgerSeq: outcome.ledgerSeq + 1 }];
    expect(added({ outcomes: twice }, 'doubled')).toEqual([expect.stringContaining(id)]);
    const again = [...attempts, { ...attempt, attempt: attempt.attempt + 1 }];
    expect(added({ attempts: again }, 'strayAttempts')).toEqual([expect.stringContaining(attempt.id)]);
  });

  it('spreads its deeds over the run', () => {
    const steps = stepsOf(dose).map(({ afterJobs }) => afterJobs);
    expect(steps[0]).toBeLessThan(dose.jobs * 0.05);
    expect(steps.at(-1)).toBeGreaterThan(dose.jobs * 0.9);
  });
});
