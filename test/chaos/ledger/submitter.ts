/**
 * The tenants of the run: many jobs over HTTP with keep-alive, a bounded number in flight, through every coordinator.
 *
 * T1  Every submission carries an Idempotency-Key of its own; one that got no clear answer is sent again with the same.
 * T2  What a coordinator answered with 202 is in the file of accepted jobs: `N ID`, N being the number in the text and key.
 */
import { Agent, request } from 'node:http';
import { closeSync, openSync, writeSync } from 'node:fs';

/** An answer that takes longer is none, in ms: a paused coordinator still takes connections, and answers nothing. */
const ANSWER_MS = 10_000;
/** A coordinator that gave no answer is not asked for so long, in ms. */
const SILENT_MS = 1_000;
/** Pause after every coordinator was asked in vain, in ms. */
const PAUSE_MS = { least: 20, most: 200 } as const;
/** A job that nobody takes for so long ends the run, in ms. */
const GIVE_UP_MS = 180_000;

export interface SubmitterOptions {
  readonly urls: readonly string[];
  readonly apiKeys: readonly string[];
  readonly inFlight: number;
  readonly acceptedFile: string;
  /** Whether jobs go on to be submitted, asked before each with how many were accepted. */
  readonly goOn: (accepted: number) => boolean;
}

interface Watcher {
  readonly sinceMs: number;
  readonly resolve: (atMs: number) => void;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Number N's tenant, as an index into the keys. */
export const tenantOf = (n: number, tenants: number): number => n % tenants;

export class Submitter {
  private readonly options: SubmitterOptions;
  private readonly agent: Agent;
  private readonly file: number;
  private watchers: Watcher[] = [];
  private milestones: { readonly jobs: number; readonly resolve: () => void }[] = [];
  private readonly silentUntilMs = new Map<string, number>();
  private next = 0;
  private failure: Error | undefined;
  /** Jobs accepted so far. */
  accepted = 0;
  /** Submissions that were sent again. */
  repeated = 0;

  constructor(options: SubmitterOptions) {
    this.options = options;
    this.agent = new Agent({ keepAlive: true, maxSockets: options.inFlight });
    this.file = openSync(options.acceptedFile, 'a', 0o600);
  }

  /** Submits until `goOn` says no. Throws when a job is refused for good, or taken by nobody for three minutes. */
  async run(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: this.options.inFlight }, () => this.one()));
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.agent.destroy();
      closeSync(this.file);
    }
  }

  /** Ends the run, which throws `error`. */
  fail(error: Error): void {
    this.failure ??= error;
  }

  /** Resolves once so many jobs are accepted. */
  reached(jobs: number): Promise<void> {
    if (this.accepted >= jobs) return Promise.resolve();
    return new Promise((resolve) => this.milestones.push({ jobs, resolve }));
  }

  /** Resolves with the time at which a submission that was sent from now on is accepted. */
  nextAccepted(): Promise<number> {
    const sinceMs = performance.now();
    return new Promise((resolve) => this.watchers.push({ sinceMs, resolve }));
  }

  private async one(): Promise<void> {
    while (this.failure === undefined && this.options.goOn(this.accepted)) {
      const n = this.next;
      this.next += 1;
      try {
        await this.submit(n);
      } catch (error) {
        this.fail(error as Error);
      }
    }
  }

  private async submit(n: number): Promise<void> {
    const { urls } = this.options;
    const deadline = performance.now() + GIVE_UP_MS;
    for (let tried = 0; ; tried += 1) {
      const url = this.pick(n + tried);
      const sentMs = performance.now();
      const answer = await this.post(url, n);
      if (answer === undefined) this.silentUntilMs.set(url, performance.now() + SILENT_MS);
      if (answer?.status === 202) return this.note(n, answer.body, sentMs);
      const mayPass = answer === undefined || answer.status >= 500 || answer.status === 429;
      if (!mayPass) throw new Error(`job ${n} was refused: ${answer.status} ${answer.body}`);
      if (this.failure !== undefined) throw this.failure;
      if (performance.now() > deadline)
        throw new Error(`job ${n} was taken by nobody: ${answer?.body ?? 'no answer'}`);
      this.repeated += 1;
      if ((tried + 1) % urls.length === 0) await breath(tried);
    }
  }

  /** The coordinators take turns; one that gave no answer is left out for a while, unless all are. */
  private pick(turn: number): string {
    const { urls } = this.options;
    const nowMs = performance.now();
    const heard = urls.filter((url) => (this.silentUntilMs.get(url) ?? 0) <= nowMs);
    const from = heard.length > 0 ? heard : urls;
    return from[turn % from.length] ?? '';
  }

  private note(n: number, body: string, sentMs: number): void {
    const { id } = JSON.parse(body) as { id: string };
    writeSync(this.file, `${n} ${id}\n`);
    this.accepted += 1;
    const atMs = performance.now();
    this.watchers = this.watchers.filter(({ sinceMs, resolve }) => {
      if (sentMs < sinceMs) return true;
      resolve(atMs);
      return false;
    });
    this.milestones = this.milestones.filter(({ jobs, resolve }) => {
      if (this.accepted < jobs) return true;
      resolve();
      return false;
    });
  }

  /** Undefined when no whole answer came. */
  private post(url: string, n: number): Promise<Answer | undefined> {
    const { apiKeys } = this.options;
    const body = JSON.stringify({
      tool: 'echo',
      arguments: { text: `job ${n}`, delayMs: n % 100 },
      maxAttempts: 10,
    });
    const headers = {
      authorization: `Bearer ${apiKeys[tenantOf(n, apiKeys.length)] ?? ''}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'idempotency-key': `key-${n}`,
    };
    return new Promise((resolve) => {
      const out = request(`${url}/v1/jobs`, {
        method: 'POST',
        agent: this.agent,
        headers,
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      out.on('error', () => resolve(undefined));
      out.on('response', (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (piece: string) => (text += piece));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
        incoming.on('error', () => resolve(undefined));
      });
      out.end(body);
    });
  }
}

/** A pause that grows with the rounds, so that a fleet without a leader is not kept busy by refusals. */
const breath = (tried: number): Promise<void> => {
  const most = Math.min(PAUSE_MS.most, PAUSE_MS.least * (tried + 1));
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS.least + Math.random() * most));
};
