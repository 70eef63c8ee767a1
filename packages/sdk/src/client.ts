/**
 * The tenant API, one method a route.
 *
 * C1  Everything may be repeated and fails over between the URLs: `submit` carries an Idempotency-Key, by which the fleet
 *     takes it once, and so is a redrive taken once (caller.ts, F1 and F4).
 * C2  Every wait has an end: a request's own time limit, the retry budget of the call, the caller's signal.
 * C3  A fleet between two releases takes no keys. A submission that needs none of its caller's is then sent without one,
 *     and never again once it may have been accepted (F2).
 */
import { IDEMPOTENCY_KEY_MAX, WAIT_MS_MAX } from '@zerofleet/model';
import {
  FINAL_STAGES,
  type DeadLettersView,
  type JobStreamEvent,
  type JobView,
  type StatusView,
  type Submit,
  type ToolView,
  type WhyView,
} from '@zerofleet/protocol';
import { AdminClient } from './admin.js';
import { jobIdIn, jobOf, lettersOf, statusOf, toolsOf } from './answers.js';
import { Caller, type Call } from './caller.js';
import { systemClock, type SdkClock } from './clock.js';
import { WHY } from './control-answers.js';
import { BadOptionError, ProblemError, SubmissionAmbiguousError, wordsOf } from './errors.js';
import { eventStream } from './event-stream.js';
import { JobsClient } from './jobs.js';
import { JsonCaller } from './json-caller.js';
import { step } from './path.js';
import { SettingsClient } from './settings.js';

/** A request's time limit where nothing is waited for, in ms. */
const REQUEST_MS_DEFAULT = 30_000;
const RETRY_BUDGET_MS_DEFAULT = 15_000;
/** One long poll of `wait`, in ms. */
const POLL_MS = 30_000;
const URLS_MAX = 16;
/** Refusal of keys by a fleet between two releases. */
const UPGRADING = 'upgrading';

export interface ClientOptions {
  /** Base URLs of the coordinators, such as `http://127.0.0.1:8080`; 1 to 16. */
  readonly urls: readonly string[];
  readonly apiKey: string;
  /** How long a call may spend on being tried again, in ms; 0 tries once. */
  readonly retryBudgetMs?: number;
  /** A request's time limit, its wait apart, in ms. */
  readonly requestTimeoutMs?: number;
  readonly fetch?: typeof fetch;
  readonly clock?: SdkClock;
  /** Gives [0, 1); spreads the pauses between tries. */
  readonly random?: () => number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** As in ClientOptions, for this call. */
  readonly retryBudgetMs?: number;
}

export interface GetOptions extends CallOptions {
  /** Waits so long for the outcome, in ms; at most 60,000. */
  readonly waitMs?: number;
}

export interface SubmitOptions extends GetOptions {
  /**
   * Names the job for 24 h: submissions with the same key and the same body are one job, also from another process. Up to 255
   * visible ASCII characters; without it each call has a random one.
   */
  readonly idempotencyKey?: string;
}

export interface WaitOptions extends CallOptions {
  /** Gives up after so long, in ms; without it there is no end but the job's. */
  readonly timeoutMs?: number;
}

export interface PageOptions extends CallOptions {
  /** Letters, at most; 1 to 100, and 50 where it is not given. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly after?: number;
}

export interface EventsOptions extends CallOptions {
  /** Goes on behind the output event of this id (`attempt:offset`). */
  readonly lastEventId?: string;
}

export class ZerofleetClient {
  private readonly caller: Caller;
  private readonly clock: SdkClock;
  private readonly requestMs: number;
  private readonly json: JsonCaller;
  /** What finished jobs left: the files that they were to collect. */
  readonly jobs: JobsClient;
  /** The tenant's own quotas, keys, secrets, schedules and sessions. */
  readonly settings: SettingsClient;
  /** What operators set: takes a key of an operator. */
  readonly admin: AdminClient;

  /** Throws BadOptionError for options that cannot work. */
  constructor(options: ClientOptions) {
    this.clock = options.clock ?? systemClock;
    this.requestMs = options.requestTimeoutMs ?? REQUEST_MS_DEFAULT;
    this.caller = new Caller({
      urls: checkedUrls(options.urls),
      headers: { authorization: `Bearer ${checkedKey(options.apiKey)}`, accept: 'application/json' },
      fetch: options.fetch ?? fetch,
      clock: this.clock,
      random: options.random ?? Math.random,
      retryBudgetMs: options.retryBudgetMs ?? RETRY_BUDGET_MS_DEFAULT,
    });
    this.json = new JsonCaller(this.caller, this.requestMs);
    this.jobs = new JobsClient(this.json, this.caller, this.clock, this.requestMs);
    this.settings = new SettingsClient(this.json);
    this.admin = new AdminClient(this.json);
  }

  /**
   * Submits a job, once however often it is sent. The view is final only where `waitMs` was given and was long enough. Throws
   * SubmissionAmbiguousError where the job may have been accepted, no answer came within the retry budget, and it cannot be
   * looked up; to submit it again with the same `idempotencyKey` is safe.
   */
  async submit(submit: Submit, options: SubmitOptions = {}): Promise<JobView> {
    try {
      return await this.submitKeyed(submit, options);
    } catch (error) {
      if (!(error instanceof SubmissionAmbiguousError) || error.jobId === undefined) throw error;
      // The answer named the job: whether it is there settles the matter.
      return this.get(error.jobId, options).catch(() => Promise.reject(error));
    }
  }

  /** The job as it stands, or as it stands when it is final or `waitMs` is over. */
  async get(id: string, options: GetOptions = {}): Promise<JobView> {
    const waitMs = bounded(options.waitMs);
    const path = `/v1/jobs/${step(id)}${waitQuery(waitMs)}`;
    const { url, answer } = await this.caller.answer(this.request('GET', path, waitMs, options));
    return jobOf(url, answer);
  }

  /** The job once it is final; as it stands when `timeoutMs` is over before. */
  async wait(id: string, options: WaitOptions = {}): Promise<JobView> {
    const endsAtMs = this.clock.nowMs() + (options.timeoutMs ?? Infinity);
    const early = this.caller.budget(Infinity);
    for (;;) {
      const began = this.clock.nowMs();
      const waitMs = Math.max(0, Math.min(POLL_MS, Math.ceil(endsAtMs - began)));
      const job = await this.get(id, { ...options, waitMs });
      const now = this.clock.nowMs();
      if (FINAL_STAGES.has(job.stage) || now >= endsAtMs) return job;
      // A coordinator that does not lead answers at once: it must not be asked in a tight loop.
      if (now - began >= waitMs) early.reset();
      else if (!(await early.another(undefined, options.signal))) early.reset();
    }
  }

  /**
   * The job's states and output, until it is final. A lost connection is taken up again where it broke, so each byte
   * comes exactly once. Throws StreamBrokenError when that fails for longer than the retry budget.
   */
  events(id: string, options: EventsOptions = {}): AsyncIterable<JobStreamEvent> {
    const { signal, retryBudgetMs, lastEventId } = options;
    return eventStream({
      caller: this.caller,
      clock: this.clock,
      call: { ...this.request('GET', `/v1/jobs/${step(id)}/events`, 0, options), stream: true },
      budget: this.caller.budget(retryBudgetMs),
      lastEventId,
      signal,
    });
  }

  /** Asks for the job's end; what it is then called is in its outcome. A final job stays as it is. */
  async cancel(id: string, options: CallOptions = {}): Promise<JobView> {
    const path = `/v1/jobs/${step(id)}/cancel`;
    const { url, answer } = await this.caller.answer(this.request('POST', path, 0, options));
    return jobOf(url, answer);
  }

  /** The tools there are. */
  async tools(options: CallOptions = {}): Promise<ToolView[]> {
    const { url, answer } = await this.caller.answer(this.request('GET', '/v1/tools', 0, options));
    return toolsOf(url, answer);
  }

  /** Why a job waits, and for how long it is likely to. */
  async why(id: string, options: CallOptions = {}): Promise<WhyView> {
    return this.json.get(`/v1/jobs/${step(id)}/why`, WHY, options);
  }

  /** The fleet, and the caller's own jobs. */
  async status(options: CallOptions = {}): Promise<StatusView> {
    const { url, answer } = await this.caller.answer(this.request('GET', '/v1/status', 0, options));
    return statusOf(url, answer);
  }

  /** A page of the jobs that used up their attempts, oldest first. */
  async deadLetters(options: PageOptions = {}): Promise<DeadLettersView> {
    const query = new URLSearchParams();
    if (options.limit !== undefined) query.set('limit', String(options.limit));
    if (options.after !== undefined) query.set('after', String(options.after));
    const path = `/v1/dead-letters${query.size === 0 ? '' : `?${query.toString()}`}`;
    const { url, answer } = await this.caller.answer(this.request('GET', path, 0, options));
    return lettersOf(url, answer);
  }

  /**
   * Submits a dead letter's job again, as a new job, and takes the letter away. Throws SubmissionAmbiguousError where that may
   * have happened though no answer came.
   */
  async redrive(id: string, options: CallOptions = {}): Promise<JobView> {
    const path = `/v1/dead-letters/${step(id)}/redrive`;
    return this.accepted({ ...this.request('POST', path, 0, options), repeat: 'keyed' });
  }

  private async submitKeyed(submit: Submit, options: SubmitOptions): Promise<JobView> {
    const own = options.idempotencyKey;
    const key = own === undefined ? crypto.randomUUID() : checkedIdempotencyKey(own);
    try {
      return await this.submitOnce(submit, options, key);
    } catch (error) {
      const keyless = own === undefined && error instanceof ProblemError && error.code === UPGRADING;
      if (!keyless) throw error;
      return this.submitOnce(submit, options, undefined);
    }
  }

  private submitOnce(submit: Submit, options: SubmitOptions, key: string | undefined): Promise<JobView> {
    const waitMs = bounded(options.waitMs);
    const headers = { 'content-type': 'application/json' };
    return this.accepted({
      ...this.request('POST', `/v1/jobs${waitQuery(waitMs)}`, waitMs, options),
      body: JSON.stringify(submit),
      ...(key === undefined
        ? { headers, repeat: 'never' }
        : { headers: { ...headers, 'idempotency-key': key }, repeat: 'keyed' }),
      ...(options.idempotencyKey === undefined && key !== undefined ? { endsWith: UPGRADING } : {}),
    });
  }

  /** The job that a call has made. */
  private async accepted(call: Call): Promise<JobView> {
    const { url, answer } = await this.caller.answer(call);
    try {
      return jobOf(url, answer);
    } catch (error) {
      throw new SubmissionAmbiguousError(wordsOf(error), jobIdIn(answer.headers.get('location')), error);
    }
  }

  private request(method: Call['method'], path: string, waitMs: number, options: CallOptions): Call {
    const { signal, retryBudgetMs } = options;
    return {
      method,
      path,
      timeoutMs: this.requestMs + waitMs,
      retryBudgetMs,
      stream: false,
      signal,
      repeat: 'free',
    };
  }
}

const bounded = (waitMs = 0): number => Math.max(0, Math.min(WAIT_MS_MAX, Math.ceil(waitMs)));

const waitQuery = (waitMs: number): string => (waitMs === 0 ? '' : `?wait=${waitMs}ms`);

const checkedUrls = (urls: readonly string[]): string[] => {
  if (urls.length === 0 || urls.length > URLS_MAX)
    throw new BadOptionError(`1 to ${URLS_MAX} URLs are needed, not ${urls.length}`);
  return urls.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !['http:', 'https:'].includes(url.protocol))
      throw new BadOptionError(`'${text}' is not an http or https URL`);
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
      throw new BadOptionError(`the URL of ${url.host} may hold a host, a port and a path only`);
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  });
};

const checkedKey = (key: string): string => {
  if (/^[\x21-\x7e]{1,256}$/.test(key)) return key;
  throw new BadOptionError('the API key must be 1 to 256 visible ASCII characters');
};

const checkedIdempotencyKey = (key: string): string => {
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= IDEMPOTENCY_KEY_MAX) return key;
  throw new BadOptionError(
    `the idempotency key must be 1 to ${IDEMPOTENCY_KEY_MAX} visible ASCII characters, without spaces`,
  );
};
