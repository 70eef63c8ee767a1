/**
 * A fleet that is updated under load, for real: coordinators of the release before, built from history, and of this one share
 * a shard; each is started, stopped and killed while the other runs. No accepted job is lost, none has two outcomes, none
 * begins again. And the frozen reader of that release, on which faster tests rely, is held against the release itself.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, startLab, type Lab } from '@zerofleet/launch';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { audit, faultsOf, type Evidence } from '../chaos/ledger/audit.js';
import { gather } from '../chaos/ledger/evidence.js';
import { testSession } from '../fleet/session.js';
import { Coordinator } from './coordinator.js';
import { holdReader } from './hold-reader.js';
import { Load } from './load.js';
import { buildReleaseBefore } from './release-before.js';
import { Story } from './story.js';

const session = testSession();
let before: string;
beforeAll(async () => {
  before = await buildReleaseBefore(session);
});
afterAll(() => session.close());

describe('the frozen reader of format 1', () => {
  it('reads what the release before reads, and nothing else, and folds it as that release does', async () => {
    const { messages, unreadable } = await holdReader(before);
    // An oracle that is asked only about what anybody reads would prove nothing.
    expect(Math.min(unreadable, messages - unreadable)).toBeGreaterThan(messages / 5);
  });
});

/** Jobs of submissions that got no clear answer and were taken: theirs is the number in their text. */
const adopt = (evidence: Evidence, unclear: ReadonlySet<number>): Evidence => {
  const known = new Set(evidence.accepted.map(({ id }) => id));
  const taken = evidence.outcomes.flatMap(({ id, text }) => {
    const n = Number(text?.replace('job ', ''));
    return known.has(id) || !unclear.has(n) ? [] : [{ n, id, text }];
  });
  const api = new Map(evidence.api);
  for (const { id, text } of taken) api.set(id, { stage: 'succeeded', text });
  return { ...evidence, api, accepted: [...evidence.accepted, ...taken.map(({ n, id }) => ({ n, id }))] };
};

describe('a shard of two releases under load', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab(session, { coordinators: 0, workers: 2, attempts: true });
  });

  it('loses nothing, doubles nothing, and ends in the new format', async () => {
    onTestFailed(() => keep(lab));
    const began = performance.now();
    const old = await Coordinator.plan(session, lab, 'before', before);
    const news = [
      await Coordinator.plan(session, lab, 'new-0', ROOT),
      await Coordinator.plan(session, lab, 'new-1', ROOT),
    ] as const;
    const { connection } = await lab.connect();
    const apiKey = lab.tenants[0]?.apiKey ?? '';
    const acceptedFile = join(lab.folder, 'accepted.txt');
    await old.part.start(session.signal);
    const load = new Load({ urls: [old, ...news].map(({ apiUrl }) => apiUrl), apiKey, acceptedFile });
    const story = new Story({ old, news, load, connection, signal: session.signal });
    try {
      await story.tell();
    } finally {
      await load.end();
    }
    const urls = news.map(({ apiUrl }) => apiUrl);
    const killsFile = join(lab.folder, 'kills.txt');
    const { attemptsFolder } = lab;
    const sources = { acceptedFile, killsFile, urls, apiKeys: [apiKey], connection, attemptsFolder };
    const evidence = adopt(await gather(sources), load.unclear);
    const verdict = audit(evidence);
    const tookS = Math.round((performance.now() - began) / 1_000);
    process.stdout.write(
      `\n${story.lines.join('\n')}\n${tookS} s: ${load.accepted} accepted, ${load.refused} refused, ` +
        `${load.unclear.size} unclear, of which ${verdict.accepted - load.accepted} were taken; ` +
        `${verdict.outcomes} outcomes, ${verdict.attempts} attempts; ` +
        `${verdict.lost.length} lost, ${verdict.doubled.length} doubled\n`,
    );
    expect(faultsOf(verdict).slice(0, 20)).toEqual([]);
    expect(verdict.outcomes).toBe(verdict.accepted);
  });
});

/** What a failed run leaves for people. */
const keep = (lab: Lab): void => {
  const folder = join(ROOT, '.zerofleet', 'logs', 'upgrade');
  rmSync(folder, { recursive: true, force: true });
  for (const name of ['logs', 'attempts', 'accepted.txt'])
    cpSync(join(lab.folder, name), join(folder, name), { recursive: true, force: true });
  process.stdout.write(`\nthe logs of the run are in ${folder}\n`);
};
