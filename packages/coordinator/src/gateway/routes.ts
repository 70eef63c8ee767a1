/** The routes of the tenant API. Shapes: protocol/http.ts; words for readers: docs/api.md. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { IDEMPOTENCY_KEY_MAX, parseJobId, type JobEnvelope, type JobId } from '@zerofleet/model';
import {
  FINAL_STAGES,
  SubmitShape,
  type DeadLettersView,
  type NotTaken,
  type RateLeft,
  type Submit,
} from '@zerofleet/protocol';
import type { JobSnapshot } from '../engine/ports.js';
import type { Access } from './access.js';
import { admit, type AdmissionOptions } from './admission.js';
import { viewOf as toolViewOf } from './catalog.js';
import type { GatewayMetrics } from './gateway-metrics.js';
import { BAD_PAGE, deadJob, NO_SUCH_LETTER, pageOf, redriven } from './dead-letters.js';
import {
  acceptanceUnknown,
  BAD_KEY,
  BAD_WAIT,
  NO_SUCH_JOB,
  NOT_READABLE,
  notReadable,
  notTaken,
  refuse,
  TOO_MANY_WAITERS,
  UNAUTHORIZED,
} from './refusals.js';
import { rateHeaders } from './rate-headers.js';
import type { ShardAccess } from './shard-access.js';
import type { Shedding } from './shedding.js';
import { SseWriter } from './sse.js';
import { streamJob } from './stream-route.js';
import { fullViewOf, stageOf, viewOf } from './views.js';
import { parseWait, waitForEnd } from './waiting.js';
import { whyView } from './waits.js';

export interface RouteOptions {
  readonly shard: ShardAccess;
  readonly admission: AdmissionOptions;
  readonly access: Access;
  readonly shedding: Shedding;
  readonly metrics: GatewayMetrics;
  /** Open long polls and streams, at most. */
  readonly waitersMax: number;
}

/** Adds every route to `server`. */
export const addRoutes = (server: FastifyInstance, options: RouteOptions): void => {
  const routes = new Routes(options);
  const submits = { config: { scope: 'submit' as const } };
  server.post('/v1/jobs', { ...submits, schema: { body: SubmitShape } }, (request, reply) =>
    routes.submit(request, reply),
  );
  server.get('/v1/jobs/:id', (request, reply) => routes.get(request, reply));
  server.get('/v1/jobs/:id/events', (request, reply) => routes.events(request, reply));
  server.get('/v1/jobs/:id/why', (request, reply) => routes.why(request, reply));
  server.post('/v1/jobs/:id/cancel', submits, (request, reply) => routes.cancel(request, reply));
  server.get('/v1/tools', () => ({ tools: options.admission.catalog.list() }));
  server.get('/v1/tools/:name', (request, reply) => routes.tool(request, reply));
  server.get('/v1/dead-letters', (request, reply) => routes.deadLetters(request, reply));
  server.post('/v1/dead-letters/:id/redrive', submits, (request, reply) => routes.redrive(request, reply));
  server.get('/v1/status', (request, reply) => routes.status(request, reply));
};

const NOT_CANCELLED = 'The cancel is not confirmed. Send it again: a second one is harmless.';

class Routes {
  private readonly options: RouteOptions;
  private waiters = 0;

  constructor(options: RouteOptions) {
    this.options = options;
  }

  async submit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const waitMs = waitOf(request);
    if (waitMs === undefined) return refuse(reply, BAD_WAIT);
    const key = keyOf(request);
    if (key === null) return refuse(reply, BAD_KEY);
    const { shard, shedding } = this.options;
    if (!shard.isConnected()) return refuse(reply, notTaken({ why: 'ledger_unavailable' }));
    const shed = shedding.check(request.tenant);
    if (shed !== undefined) return this.refuseSubmission(request, reply, shed);
    const admitted = await admit(this.options.admission, request.tenant, request.body as Submit, key);
    if (admitted.kind === 'refused') return refuse(reply, admitted.refusal);
    return this.hand(request, reply, admitted.envelope, waitMs);
  }

  /** Hands a job to the leader and answers with what became of it. */
  private async hand(
    request: FastifyRequest,
    reply: FastifyReply,
    envelope: JobEnvelope,
    waitMs: number,
  ): Promise<FastifyReply> {
    const answer = await this.options.shard.submit(envelope);
    this.options.metrics.submitted(envelope.tool, answer.kind);
    if (answer.kind === 'refused') {
      this.options.shedding.refused(request.tenant, answer);
      return this.refuseSubmission(request, reply, answer);
    }
    if (answer.kind === 'accepted') this.sayRate(request, reply, answer.rate);
    if (answer.kind === 'replayed') void reply.header('idempotent-replayed', 'true');
    const id = answer.kind === 'unknown' ? answer.id : answer.job.envelope.id;
    void reply.header('location', `/v1/jobs/${id}`);
    if (answer.kind === 'unknown') return refuse(reply, acceptanceUnknown(id));
    return this.acknowledge(request, reply, answer.job, waitMs);
  }

  private refuseSubmission(request: FastifyRequest, reply: FastifyReply, answer: NotTaken): FastifyReply {
    this.sayRate(request, reply, answer.rate);
    return refuse(reply, notTaken(answer));
  }

  private sayRate(request: FastifyRequest, reply: FastifyReply, left: RateLeft | undefined): void {
    const { submitRate } = this.options.admission.controls.quotasOf(request.tenant);
    if (left !== undefined && submitRate !== null) rateHeaders(reply, submitRate, left);
  }

  /** Why the job waits, if it does. */
  async why(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = idOf(request);
    if (id === undefined) return refuse(reply, NO_SUCH_JOB);
    const answer = await this.options.shard.why(request.tenant, id);
    switch (answer.kind) {
      case 'waits':
        return reply.send(whyView(id, answer.wait === null ? 'running' : 'queued', answer.wait));
      case 'found':
        return reply.send(whyView(id, stageOf(answer.job), null));
      case 'unknown':
        return refuse(reply, NO_SUCH_JOB);
      case 'unavailable':
        return refuse(reply, notReadable(answer.why));
    }
  }

  async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const waitMs = waitOf(request);
    if (waitMs === undefined) return refuse(reply, BAD_WAIT);
    const job = await this.find(request, reply);
    return job === undefined ? reply : this.answer(request, reply, job, waitMs);
  }

  async events(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const job = await this.find(request, reply);
    if (job === undefined) return reply;
    if (this.waiters >= this.options.waitersMax) return refuse(reply, TOO_MANY_WAITERS);
    this.waiters += 1;
    let unwatch: () => void = () => undefined;
    try {
      const writer = new SseWriter(reply, request.headers['last-event-id']);
      // Who comes back is told that the key is none any more.
      unwatch = this.options.access.whileValid(request.caller, () => writer.cut());
      await streamJob(this.options.shard, job, writer);
    } finally {
      unwatch();
      this.waiters -= 1;
    }
    return reply;
  }

  async cancel(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = idOf(request);
    if (id === undefined) return refuse(reply, NO_SUCH_JOB);
    const answer = await this.options.shard.cancel(request.tenant, id);
    if (answer.kind === 'unavailable') return refuse(reply, { ...notTaken(answer), detail: NOT_CANCELLED });
    if (answer.kind === 'cancelled') return this.acknowledge(request, reply, answer.job, 0);
    // Not live: finished long ago, or not there at all.
    const job = await this.find(request, reply);
    return job === undefined ? reply : this.acknowledge(request, reply, job, 0);
  }

  async status(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const status = await this.options.shard.status(request.tenant);
    return status === undefined
      ? refuse(reply, {
          ...notTaken({ why: 'no_leader' }),
          detail: 'A coordinator will lead soon. Try again.',
        })
      : reply.send(status);
  }

  async deadLetters(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const page = pageOf(request);
    if (page === undefined) return refuse(reply, BAD_PAGE);
    try {
      const found = await this.options.shard.deadLetters()?.list(request.tenant, page);
      if (found === undefined) return refuse(reply, NOT_READABLE);
      const letters = found.letters.map((letter) => viewOf(deadJob(letter), null));
      return await reply.send({ letters, next: found.next } satisfies DeadLettersView);
    } catch {
      return refuse(reply, NOT_READABLE);
    }
  }

  /** Submits a dead letter's job again, once however often it is asked for, and takes the letter away. */
  async redrive(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = idOf(request);
    const { shard, admission } = this.options;
    const letters = shard.deadLetters();
    if (id === undefined) return refuse(reply, NO_SUCH_LETTER);
    try {
      const letter = await letters?.get(request.tenant, id);
      if (letters === undefined) return refuse(reply, NOT_READABLE);
      if (letter === undefined) return refuse(reply, NO_SUCH_LETTER);
      const envelope = redriven(letter, admission.newJobId(), admission.clock.wallMs());
      const answer = await shard.submit(envelope);
      if (answer.kind === 'refused') return this.refuseSubmission(request, reply, answer);
      if (answer.kind === 'unknown') return refuse(reply, acceptanceUnknown(answer.id));
      await letters.remove(request.tenant, id);
      void reply.header('location', `/v1/jobs/${answer.job.envelope.id}`);
      return await this.acknowledge(request, reply, answer.job, 0);
    } catch {
      return refuse(reply, NOT_READABLE);
    }
  }

  tool(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { name } = request.params as { name: string };
    const tool = this.options.admission.catalog.find(name);
    if (tool === undefined)
      return refuse(reply, { code: 'not_found', detail: `There is no tool '${name}'.` });
    return reply.send(toolViewOf(tool));
  }

  /** The job that the path names, or undefined once a refusal was sent. */
  private async find(request: FastifyRequest, reply: FastifyReply): Promise<JobSnapshot | undefined> {
    const id = idOf(request);
    const found =
      id === undefined ? ({ kind: 'unknown' } as const) : await this.options.shard.find(request.tenant, id);
    if (found.kind === 'found') return found.job;
    refuse(reply, found.kind === 'unknown' ? NO_SUCH_JOB : notReadable(found.why));
    return undefined;
  }

  /** Answers an accepted submission: never with a refusal, since the job is there. 200 when it is final already. */
  private async acknowledge(
    request: FastifyRequest,
    reply: FastifyReply,
    job: JobSnapshot,
    waitMs: number,
  ): Promise<FastifyReply> {
    const waited = waitMs === 0 ? undefined : await this.wait(request, job, waitMs);
    const newest = waited === undefined || waited === 'revoked' ? job : waited;
    const view = await this.view(newest).catch(() => undefined);
    if (view === undefined) return reply.code(202).send(viewOf(newest, null));
    const isEnd = waitMs > 0 && FINAL_STAGES.has(stageOf(newest));
    return reply
      .code(isEnd ? 200 : 202)
      .type(JSON_TYPE)
      .send(view);
  }

  /** Answers with the job, after `waitMs` at most. */
  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    job: JobSnapshot,
    waitMs: number,
  ): Promise<FastifyReply> {
    const newest = waitMs === 0 ? job : await this.wait(request, job, waitMs);
    if (newest === 'revoked') return refuse(reply, UNAUTHORIZED);
    if (newest === undefined) return refuse(reply, TOO_MANY_WAITERS);
    const view = await this.view(newest).catch(() => undefined);
    return view === undefined ? refuse(reply, NOT_READABLE) : reply.code(200).type(JSON_TYPE).send(view);
  }

  private async wait(
    request: FastifyRequest,
    job: JobSnapshot,
    waitMs: number,
  ): Promise<JobSnapshot | 'revoked' | undefined> {
    const { shard, waitersMax, access } = this.options;
    if (this.waiters >= waitersMax) return undefined;
    this.waiters += 1;
    const revoked = new AbortController();
    const unwatch = access.whileValid(request.caller, () => revoked.abort());
    try {
      const ended = AbortSignal.any([request.signal, revoked.signal]);
      const newest = await waitForEnd(shard.feed, job, waitMs, ended);
      if (revoked.signal.aborted) return 'revoked';
      if (FINAL_STAGES.has(stageOf(newest)) || request.signal.aborted) return newest;
      // This replica may have heard of the end before it listened.
      const found = await shard.find(request.tenant, job.envelope.id);
      return found.kind === 'found' ? found.job : newest;
    } finally {
      unwatch();
      this.waiters -= 1;
    }
  }

  private view(job: JobSnapshot): ReturnType<typeof fullViewOf> {
    return fullViewOf(job, () => this.options.shard.blobs());
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

const idOf = (request: FastifyRequest): JobId | undefined =>
  parseJobId((request.params as { id: string }).id);

/** The Idempotency-Key of a request: undefined for none, null for one that is none. */
const keyOf = (request: FastifyRequest): string | undefined | null => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  return typeof key === 'string' && KEY.test(key) ? key : null;
};
const KEY = new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_MAX}}$`);

/** The asked-for wait in ms, 0 for none; undefined when it cannot be read. */
const waitOf = (request: FastifyRequest): number | undefined => {
  const { wait } = request.query as { wait?: string | string[] };
  if (wait === undefined) return 0;
  return typeof wait === 'string' ? parseWait(wait) : undefined;
};
