/**
 * Gathers what an audit needs from where it really is: the client's file of accepted jobs, the streams, the API, the
 * workers' files of begun attempts and the file of kills. It knows nothing of the client's or the monkey's memory.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { basename, join } from 'node:path';
import { readStream } from '@zerofleet/launch';
import type { ShardId } from '@zerofleet/model';
import { decodeCommit, FINAL_STAGES, shardNames, type JobView } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import { eventually } from '../../fleet/eventually.js';
import type { AttemptSeen, Evidence, OutcomeSeen } from './audit.js';
import { tenantOf } from './submitter.js';

const READERS = 32;
const ANSWER_MS = 5_000;
/** A job that was accepted has ended by then, however the run went, in ms. */
const ENDED_MS = 120_000;

/** A stream that has not grown for so long grows no more, in ms. */
const STILL_MS = 15_000;

export interface Sources {
  readonly acceptedFile: string;
  readonly killsFile: string;
  readonly attemptsFolder: string;
  readonly connection: NatsConnection;
  readonly urls: readonly string[];
  readonly apiKeys: readonly string[];
}

/** Waits until every accepted job has ended, or the API says it does not know it; then reads everything. */
export const gather = async (sources: Sources): Promise<Evidence> => {
  const accepted = linesOf(sources.acceptedFile).map(([n = '', id = '']) => ({ n: Number(n), id }));
  const api = await askApi(sources, accepted);
  const names = shardNames('s0' as ShardId);
  const { attempts, killed } = readAttempts(sources);
  return {
    accepted,
    api,
    attempts,
    killed,
    outcomes: await settledOutcomes(sources.connection, names.outcomesStream, accepted.length),
    finished: await readFinished(sources.connection, names.ledgerStream),
  };
};

const linesOf = (path: string): string[][] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' '))
    : [];

const textOf = (value: unknown): string | undefined => {
  const text = (value as { text?: unknown } | null)?.text;
  return typeof text === 'string' ? text : undefined;
};

/** As the stream holds them, without the project's own decoder: one that hides a fault must not hide it here too. */
interface StoredOutcome {
  readonly outcome: { readonly kind: string; readonly report?: { readonly value: unknown } | null };
}
/** Format 1 is a message a job, with the job whole; format 2 all of a commit, where each has its own id. */
type StoredOutcomes = { readonly ledgerSeq: number } & (
  | (StoredOutcome & { readonly job: { readonly id: string } })
  | { readonly outcomes: readonly (StoredOutcome & { readonly id: string })[] }
);

/** The stream follows the ledger: it is read again until it holds enough, or has stopped growing. */
const settledOutcomes = async (
  connection: NatsConnection,
  stream: string,
  enough: number,
): Promise<readonly OutcomeSeen[]> => {
  let last: readonly OutcomeSeen[] = [];
  let grownMs = performance.now();
  const look = async (): Promise<readonly OutcomeSeen[] | undefined> => {
    const now = await readOutcomes(connection, stream);
    const grown = now.length > last.length;
    if (grown) grownMs = performance.now();
    last = now;
    return !grown && (now.length >= enough || performance.now() - grownMs > STILL_MS) ? now : undefined;
  };
  return eventually('the outcomes stream to settle', look, ENDED_MS, 500);
};

const readOutcomes = async (connection: NatsConnection, stream: string): Promise<readonly OutcomeSeen[]> => {
  const seen = new Map<string, readonly OutcomeSeen[]>();
  await readStream(connection, stream, (data) => {
    const stored = JSON.parse(Buffer.from(data).toString('utf8')) as StoredOutcomes;
    const { ledgerSeq } = stored;
    const all = 'outcomes' in stored ? stored.outcomes : [{ id: stored.job.id, outcome: stored.outcome }];
    const outcomes = all.map(({ id, outcome: { kind, report } }) => {
      return { id, ledgerSeq, kind, text: textOf(report?.value) };
    });
    seen.set('outcomes' in stored ? `${ledgerSeq}` : `${ledgerSeq}/${outcomes[0]?.id ?? ''}`, outcomes);
  });
  return [...seen.values()].flat();
};

const readFinished = async (connection: NatsConnection, stream: string): Promise<Evidence['finished']> => {
  const finished: { id: string; ledgerSeq: number }[] = [];
  await readStream(connection, stream, (data, ledgerSeq) => {
    const commit = decodeCommit(data);
    if (!commit.ok) throw new Error(`ledger message ${ledgerSeq} cannot be read: ${commit.reason}`);
    for (const event of commit.value.events)
      if (event.kind === 'finished') finished.push({ id: event.id, ledgerSeq });
  });
  return finished;
};

/** Every attempt that a worker noted, and the boots whose processes the file of kills names. */
const readAttempts = ({
  attemptsFolder,
  killsFile,
}: Sources): { readonly attempts: readonly AttemptSeen[]; readonly killed: ReadonlySet<string> } => {
  const kills = new Set(linesOf(killsFile).map((line) => line.join(' ')));
  const killed = new Set<string>();
  const attempts: AttemptSeen[] = [];
  for (const file of readdirSync(attemptsFolder)) {
    const worker = basename(file, '.txt');
    for (const [first = '', second = '', third = '', , pid = ''] of linesOf(join(attemptsFolder, file))) {
      if (first !== '#') attempts.push({ id: first, attempt: Number(second), boot: third });
      else if (kills.has(`${worker} ${pid}`)) killed.add(third);
    }
  }
  return { attempts, killed };
};

const askApi = async (
  { urls, apiKeys }: Sources,
  accepted: Evidence['accepted'],
): Promise<Evidence['api']> => {
  const agent = new Agent({ keepAlive: true, maxSockets: READERS });
  const api = new Map<string, { stage: string; text: string | undefined } | undefined>();
  const queue = [...accepted];
  const deadline = performance.now() + ENDED_MS;
  const one = async (): Promise<void> => {
    for (let job = queue.pop(); job !== undefined; job = queue.pop()) {
      const { n, id } = job;
      let tried = n;
      const ask = async () => {
        const url = urls[(tried += 1) % urls.length] ?? '';
        const answer = await read(agent, `${url}/v1/jobs/${id}`, apiKeys[tenantOf(n, apiKeys.length)] ?? '');
        if (answer?.status === 404) return { told: undefined };
        const view = answer?.status === 200 ? (JSON.parse(answer.body) as JobView) : undefined;
        if (view === undefined || !FINAL_STAGES.has(view.stage)) return undefined;
        return { told: { stage: view.stage, text: textOf(view.result) } };
      };
      const leftMs = Math.max(5_000, deadline - performance.now());
      api.set(id, (await eventually(`the end of job ${n}, ${id}`, ask, leftMs)).told);
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, one));
  } finally {
    agent.destroy();
  }
  return api;
};

const read = (
  agent: Agent,
  url: string,
  apiKey: string,
): Promise<{ readonly status: number; readonly body: string } | undefined> =>
  new Promise((resolve) => {
    const headers = { authorization: `Bearer ${apiKey}` };
    const out = get(url, { agent, headers, signal: AbortSignal.timeout(ANSWER_MS) });
    out.on('error', () => resolve(undefined));
    out.on('response', (incoming) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (piece: string) => (body += piece));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
      incoming.on('error', () => resolve(undefined));
    });
  });
