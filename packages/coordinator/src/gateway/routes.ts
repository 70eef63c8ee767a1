/** The routes of the tenant API. Shapes: protocol/http.ts; words for readers: docs/api.md. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseJobId, type JobId, type TenantId } from '@zerofleet/model';
import { FINAL_STAGES, SubmitShape, type Submit } from '@zerofleet/protocol';
import type { JobSnapshot } from '../engine/ports.js';
import { admit, type AdmissionOptions } from './admission.js';
import { viewOf as toolViewOf } from './catalog.js';
import type { GatewayMetrics } from './gateway-metrics.js';
import {
  acceptanceUnknown,
  BAD_WAIT,
  NO_SUCH_JOB,
  NOT_READABLE,
  notTaken,
  refuse,
  TOO_MANY_WAITERS,
} from './refusals.js';
import { lookUp, type ShardAccess } from './shard-access.js';
import { SseWriter } from './sse.js';
import { streamJob } from './stream-route.js';
import { fullViewOf, viewOf } from './views.js';
import { parseWait, waitForEnd } from './waiting.js';

export interface RouteOptions {
  readonly shard: ShardAccess;
  readonly admission: AdmissionOptions;
  readonly metrics: GatewayMetrics;
  /** Open long polls and streams, at most. */
  readonly waitersMax: number;
}

/** Adds every route to `server`. */
export const addRoutes = (server: FastifyInstance, options: RouteOptions): void => {
  const routes = new Routes(options);
  server.post('/v1/jobs', { schema: { body: SubmitShape } }, (request, reply) =>
    routes.submit(request, reply),
  );
  server.get('/v1/jobs/:id', (request, reply) => routes.get(request, reply));
  server.get('/v1/jobs/:id/events', (request, reply) => routes.events(request, reply));
  server.post('/v1/jobs/:id/cancel', (request, reply) => routes.cancel(request, reply));
  server.get('/v1/tools', () => ({ tools: options.admission.catalog.list() }));
  server.get('/v1/tools/:name', (request, reply) => routes.tool(request, reply));
  server.get('/v1/status', (request) => options.shard.status(request.tenant));
};

const NOT_CANCELLED = 'The cancel is not confirmed. Send it again: a second one is harmless.';

class Routes {
  private readonly options: RouteOptions;
  private waiters = 0;

  constructor(options: RouteOptions) {
    this.options = options;
  }

  async submit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { shard, admission, metrics } = this.options;
    const waitMs = waitOf(request);
    if (waitMs === undefined) return refuse(reply, BAD_WAIT);
    const engine = shard.engine();
    if (engine === undefined)
      return refuse(reply, notTaken(shard.isConnected() ? 'no_leader' : 'ledger_unavailable'));
    if (!shard.isConnected()) return refuse(reply, notTaken('ledger_unavailable'));
    const admitted = await admit(admission, request.tenant, request.body as Submit);
    if (admitted.kind === 'refused') return refuse(reply, admitted.refusal);
    const { envelope } = admitted;
    const answer = await engine.submit(envelope);
    metrics.submitted(envelope.tool, answer.kind);
    if (answer.kind === 'refused') return refuse(reply, notTaken(answer.why));
    void reply.header('location', `/v1/jobs/${envelope.id}`);
    if (answer.kind === 'unknown') return refuse(reply, acceptanceUnknown(answer.id));
    return this.acknowledge(request, reply, answer.job, waitMs);
  }

  async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const waitMs = waitOf(request);
    if (waitMs === undefined) return refuse(reply, BAD_WAIT);
    const job = await this.find(request, reply);
    return job === undefined ? reply : this.answer(request, reply, job, waitMs);
  }

  async events(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const job = await this.find(request, reply);
    const engine = this.options.shard.engine();
    if (job === undefined) return reply;
    if (this.waiters >= this.options.waitersMax) return refuse(reply, TOO_MANY_WAITERS);
    this.waiters += 1;
    try {
      const writer = new SseWriter(reply, request.headers['last-event-id']);
      await streamJob(this.options.shard, engine, job, writer);
    } finally {
      this.waiters -= 1;
    }
    return reply;
  }

  async cancel(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = idOf(request);
    const engine = this.options.shard.engine();
    if (id === undefined) return refuse(reply, NO_SUCH_JOB);
    if (engine === undefined) return refuse(reply, { ...notTaken('no_leader'), detail: NOT_CANCELLED });
    const answer = await engine.cancel(request.tenant, id);
    if (answer.kind === 'unavailable')
      return refuse(reply, {
        ...notTaken('ledger_unavailable'),
        detail: NOT_CANCELLED,
      });
    if (answer.kind === 'cancelled') return this.acknowledge(request, reply, answer.job, 0);
    // Not live here: finished long ago, or not there at all.
    const job = await this.find(request, reply);
    return job === undefined ? reply : this.acknowledge(request, reply, job, 0);
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
    const found = id === undefined ? ({ kind: 'unknown' } as const) : await this.lookUp(request.tenant, id);
    if (found.kind === 'found') return found.job;
    refuse(reply, found.kind === 'unknown' ? NO_SUCH_JOB : NOT_READABLE);
    return undefined;
  }

  private lookUp(tenant: TenantId, id: JobId): ReturnType<typeof lookUp> {
    return lookUp(this.options.shard, tenant, id);
  }

  /** Answers an accepted submission: never with a refusal, since the job is there. 200 when it is final already. */
  private async acknowledge(
    request: FastifyRequest,
    reply: FastifyReply,
    job: JobSnapshot,
    waitMs: number,
  ): Promise<FastifyReply> {
    const newest = (waitMs === 0 ? undefined : await this.wait(request, job, waitMs)) ?? job;
    const view = await this.view(newest).catch(() => undefined);
    if (view === undefined) return reply.code(202).send(viewOf(newest, null));
    return reply.code(waitMs > 0 && FINAL_STAGES.has(view.stage) ? 200 : 202).send(view);
  }

  /** Answers with the job, after `waitMs` at most. */
  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    job: JobSnapshot,
    waitMs: number,
  ): Promise<FastifyReply> {
    const newest = waitMs === 0 ? job : await this.wait(request, job, waitMs);
    if (newest === undefined) return refuse(reply, TOO_MANY_WAITERS);
    const view = await this.view(newest).catch(() => undefined);
    return view === undefined ? refuse(reply, NOT_READABLE) : reply.code(200).send(view);
  }

  private async wait(
    request: FastifyRequest,
    job: JobSnapshot,
    waitMs: number,
  ): Promise<JobSnapshot | undefined> {
    const engine = this.options.shard.engine();
    if (engine === undefined) return job;
    if (this.waiters >= this.options.waitersMax) return undefined;
    this.waiters += 1;
    try {
      return await waitForEnd(engine.feed, job, waitMs, request.signal);
    } finally {
      this.waiters -= 1;
    }
  }

  private view(job: JobSnapshot): ReturnType<typeof fullViewOf> {
    return fullViewOf(job, () => this.options.shard.blobs());
  }
}

const idOf = (request: FastifyRequest): JobId | undefined =>
  parseJobId((request.params as { id: string }).id);

/** The asked-for wait in ms, 0 for none; undefined when it cannot be read. */
const waitOf = (request: FastifyRequest): number | undefined => {
  const { wait } = request.query as { wait?: string | string[] };
  if (wait === undefined) return 0;
  return typeof wait === 'string' ? parseWait(wait) : undefined;
};
