/**
 * Tenants of a fleet that is updated: plain jobs over HTTP through every coordinator in turn.
 *
 * D1  No job has an idempotency key, which the release before does not know; so no submission is sent again. One that got no
 *     clear answer may have been taken: its number is among the unclear ones.
 * D2  What a coordinator answered with 202 is in the file of accepted jobs: `N ID`, N being the number in the job's text.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Submissions under way, and the pause of each before its next, in ms. */
const CLIENTS = 8;
const PACE_MS = 40;
const ANSWER_MS = 15_000;
/** Jobs run for up to this, so that some live at any time, in ms. */
const RUN_MS_MAX = 400;

type Taken = 'accepted' | 'refused' | 'unclear';

export interface LoadOptions {
  readonly urls: readonly string[];
  readonly apiKey: string;
  readonly acceptedFile: string;
}

export class Load {
  /** Numbers whose submission got no clear answer. */
  readonly unclear = new Set<number>();
  accepted = 0;
  /** Submissions that were surely not taken. */
  refused = 0;
  private readonly options: LoadOptions;
  private readonly clients: Promise<void>;
  private next = 0;
  private over = false;

  constructor(options: LoadOptions) {
    this.options = options;
    this.clients = Promise.all(Array.from({ length: CLIENTS }, () => this.client())).then(() => undefined);
  }

  /** Resolves once every submission has its answer, and none follows. */
  async end(): Promise<void> {
    this.over = true;
    await this.clients;
  }

  /** Submits one job with a key; whether it was accepted. */
  async submitWithKey(url: string, key: string): Promise<boolean> {
    return (await this.submit(this.number(), url, { 'idempotency-key': key })) === 'accepted';
  }

  private async client(): Promise<void> {
    const { urls } = this.options;
    while (!this.over) {
      const n = this.number();
      await this.submit(n, urls[n % urls.length] ?? '');
      await pause(PACE_MS);
    }
  }

  private number(): number {
    this.next += 1;
    return this.next - 1;
  }

  private async submit(n: number, url: string, more: Readonly<Record<string, string>> = {}): Promise<Taken> {
    const { taken, id } = await this.post(n, url, more);
    if (taken === 'accepted') {
      appendFileSync(this.options.acceptedFile, `${n} ${id}\n`);
      this.accepted += 1;
    } else if (taken === 'refused') this.refused += 1;
    else this.unclear.add(n);
    return taken;
  }

  private async post(
    n: number,
    url: string,
    more: Readonly<Record<string, string>>,
  ): Promise<{ readonly taken: Taken; readonly id: string }> {
    const job = { tool: 'echo', arguments: { text: `job ${n}`, delayMs: (n * 7) % RUN_MS_MAX } };
    const { apiKey } = this.options;
    try {
      const answer = await fetch(`${url}/v1/jobs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...more },
        body: JSON.stringify(job),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const { id = '', code } = (await answer.json()) as { readonly id?: string; readonly code?: string };
      if (answer.status === 202) return { taken: 'accepted', id };
      return { taken: code === 'acceptance_unknown' ? 'unclear' : 'refused', id };
    } catch (error) {
      const { cause } = error as { readonly cause?: { readonly code?: string } };
      // Where nobody listens, nobody took it.
      return { taken: cause?.code === 'ECONNREFUSED' ? 'refused' : 'unclear', id: '' };
    }
  }
}
