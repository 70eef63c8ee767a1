/**
 * Submissions without a pause between them, a bounded number in flight; keeps the id of every job that was acknowledged, in
 * the order of the answers. What was refused or not answered is nobody's promise and is only counted.
 */
import { Agent, request, type IncomingMessage } from 'node:http';
import type { JobView } from '@zerofleet/protocol';

/** Pause after a refusal before the next try, in ms. */
const REFUSED_PAUSE_MS = 50;
const ANSWER_MS = 15_000;
const ACCEPTED = 202;
const MS_PER_S = 1_000;

export interface LoadOptions {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly inFlight: number;
}

export class JobLoad {
  /** Ids in the order in which their acknowledgement came. It only grows. */
  readonly acknowledged: string[] = [];
  refused = 0;
  unanswered = 0;
  /** The longest time without an acknowledgement between two of them, in ms. */
  longestPauseMs = 0;
  private lastMs: number | undefined;
  private readonly beganMs = performance.now();
  private readonly options: LoadOptions;
  private readonly agent: Agent;
  private readonly lanes: Promise<void>[];
  private stopping = false;
  private waiters: { readonly count: number; readonly wake: () => void }[] = [];

  constructor(options: LoadOptions) {
    this.options = options;
    this.agent = new Agent({ keepAlive: true, maxSockets: options.inFlight });
    this.lanes = Array.from({ length: options.inFlight }, () => this.lane());
  }

  /** Waits until `more` further jobs are acknowledged; throws when that takes longer than `timeoutMs`. */
  async until(more: number, timeoutMs = 60_000): Promise<void> {
    const count = this.acknowledged.length + more;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const what = `${more} more jobs were not acknowledged within ${timeoutMs} ms`;
      timer = setTimeout(() => reject(new Error(what)), timeoutMs);
    });
    const there = new Promise<void>((wake) => this.waiters.push({ count, wake }));
    await Promise.race([there, late]).finally(() => clearTimeout(timer));
  }

  /** Jobs acknowledged a second, from the beginning to the last of them. */
  get rate(): number {
    return this.lastMs === undefined
      ? 0
      : (this.acknowledged.length * MS_PER_S) / (this.lastMs - this.beganMs);
  }

  /** Submits no more and waits for the answers that are due. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.lanes);
    this.agent.destroy();
  }

  private async lane(): Promise<void> {
    while (!this.stopping) {
      const id = await this.submit();
      if (id === undefined) await new Promise<void>((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
      else this.note(id);
    }
  }

  private note(id: string): void {
    const now = performance.now();
    this.longestPauseMs = Math.max(this.longestPauseMs, now - (this.lastMs ?? now));
    this.lastMs = now;
    this.acknowledged.push(id);
    const due = this.waiters.filter(({ count }) => count <= this.acknowledged.length);
    if (due.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => !due.includes(waiter));
    for (const { wake } of due) wake();
  }

  /** The id that the API acknowledged; undefined when it did not. */
  private async submit(): Promise<string | undefined> {
    const answer = await this.post('{"tool":"echo","arguments":{"text":"x"}}').catch(() => undefined);
    if (answer === undefined) this.unanswered += 1;
    else if (answer.status !== ACCEPTED) this.refused += 1;
    else return (JSON.parse(answer.text) as JobView).id;
    return undefined;
  }

  private post(body: string): Promise<{ readonly status: number; readonly text: string }> {
    const { apiUrl, apiKey } = this.options;
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
      const call = request(
        `${apiUrl}/v1/jobs`,
        { method: 'POST', agent: this.agent, headers, timeout: ANSWER_MS },
        (answer: IncomingMessage) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (piece: string) => (text += piece));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
          answer.on('error', reject);
        },
      );
      call.on('timeout', () => call.destroy(new Error('no answer')));
      call.on('error', reject);
      call.end(body);
    });
  }
}
