/**
 * The line between replicas of the coordinator, over core NATS.
 *
 * N1  Only a leader listens, so "no responders" is the server's own word that nobody leads, and that what was asked
 *     reached nobody.
 * N2  A submission is refused only when it surely was not taken: by N1, or by the leader's own word. Whatever else
 *     happens to it is `unknown`, since it may have been committed.
 * N3  What was under way when the connection was lost has lost its answer: the leader is asked what came of it. That question
 *     goes the same way as the submission and behind it, so the leader that does not know the job by then never will; but for
 *     one with an idempotency key, which the leader may still be looking up.
 */
import { errors } from 'nats';
import type { JobEnvelope, JobId, ProblemCode, TenantId } from '@zerofleet/model';
import {
  encodeJson,
  encodeSubmit,
  LEADER_VERSION,
  parseLeaderCall,
  parseLeaderPing,
  parseLeaderPong,
  parseLeaderReply,
  replyOf,
  submitTextOf,
  type LeaderCall,
  type LeaderPing,
  type LeaderPong,
  type LeaderReply,
  type ShardNames,
  type SubmitAnswer,
  type SubmitReply,
  type SubmitText,
} from '@zerofleet/protocol';
import type { Logger, NatsConnection } from '@zerofleet/runtime';
import type { JobSnapshot, LeaderPort } from '../engine/ports.js';

/** A call waits for a commit at most for so long: longer than the ledger takes to say that it does not know, in ms. */
const CALL_TIMEOUT_MS = 12_000;
/** A call that only looks, in ms. */
const LOOK_TIMEOUT_MS = 3_000;
const BATCH_JOBS_MAX = 128;
/** Of jobs as JSON beside their templates; the reply and the message around it must fit below the server's largest payload too. */
const BATCH_BYTES_MAX = 400 * 1024;
/** Batches under way, at most; what comes meanwhile waits and goes together. */
const IN_FLIGHT_MAX = 16;
/** Jobs that wait for a batch, at most. */
const WAITING_MAX = 10_000;

/** How a request ended. `nobody`: it reached no one. `silent`: it may have reached someone. */
type Answer = Uint8Array | 'nobody' | 'silent';

const ask = async (
  connection: NatsConnection,
  subject: string,
  bytes: Uint8Array,
  timeoutMs: number,
): Promise<Answer> => {
  try {
    return (await connection.request(subject, bytes, { timeout: timeoutMs })).data;
  } catch (error) {
    const nobody =
      error instanceof errors.NoRespondersError ||
      (error instanceof errors.RequestError && error.isNoResponders());
    return nobody ? 'nobody' : 'silent';
  }
};

type ServedLeader = Parameters<LeaderPort['serve']>[0];

export class NatsLeaderLine implements LeaderPort {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  private readonly log: Logger;

  constructor(connection: NatsConnection, names: ShardNames, log: Logger) {
    this.connection = connection;
    this.names = names;
    this.log = log;
  }

  async ping(ping: LeaderPing, timeoutMs: number): Promise<LeaderPong | 'nobody' | 'silent'> {
    const answer = await ask(this.connection, this.names.leaderPing, encodeJson(ping), timeoutMs);
    if (typeof answer === 'string') return answer;
    const parsed = parseLeaderPong(answer);
    if (parsed.ok) return parsed.value;
    this.log.warn({ reason: parsed.reason }, 'leader_pong_malformed');
    return 'silent';
  }

  /** Only a leader listens for the ends of attempts, and it answers one that it cannot read. */
  async probe(timeoutMs: number): Promise<'there' | 'nobody' | 'silent'> {
    const answer = await ask(this.connection, this.names.done, encodeJson({}), timeoutMs);
    return typeof answer === 'string' ? answer : 'there';
  }

  serve(leader: ServedLeader): () => void {
    const pings = this.connection.subscribe(this.names.leaderPing, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = parseLeaderPing(message.data);
        if (parsed.ok) message.respond(encodeJson(leader.ping(parsed.value)));
        else this.log.warn({ reason: parsed.reason }, 'leader_ping_malformed');
      },
    });
    const calls = this.connection.subscribe(this.names.leaderCall, {
      callback: (error, message) => {
        if (error !== null) return;
        this.answer(leader, message.data)
          .then((reply) => message.respond(encodeJson(reply)))
          // Whoever asked hears nothing, and calls it unknown.
          .catch((reason: Error) => this.log.error({ error: reason.message }, 'leader_call_failed'));
      },
    });
    return () => {
      pings.unsubscribe();
      calls.unsubscribe();
    };
  }

  private answer(leader: ServedLeader, bytes: Uint8Array): Promise<LeaderReply> {
    const parsed = parseLeaderCall(bytes);
    if (parsed.ok) return leader.call(parsed.value);
    this.log.warn({ reason: parsed.reason }, 'leader_call_malformed');
    return Promise.resolve(notNow('internal'));
  }
}

const notNow = (why: ProblemCode): LeaderReply => ({ v: LEADER_VERSION, kind: 'not_now', why });

interface Waiting extends SubmitText {
  readonly resolve: (reply: SubmitReply) => void;
}

/** The leader as a gateway of another replica reaches it. */
export class RemoteLeader {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  private readonly callTimeoutMs: number;
  private waiting: Waiting[] = [];
  /** Batches under way. */
  private readonly inFlight = new Set<readonly Waiting[]>();
  private scheduled = false;

  constructor(connection: NatsConnection, names: ShardNames, callTimeoutMs = CALL_TIMEOUT_MS) {
    this.connection = connection;
    this.names = names;
    this.callTimeoutMs = callTimeoutMs;
  }

  /** Never throws. A call that changes something and got no answer may have been carried out: `acceptance_unknown`. */
  async call(call: Exclude<LeaderCall, { kind: 'submit' }>): Promise<LeaderReply> {
    const looks = call.kind === 'find' || call.kind === 'status';
    const timeoutMs = looks ? Math.min(LOOK_TIMEOUT_MS, this.callTimeoutMs) : this.callTimeoutMs;
    const answer = await ask(this.connection, this.names.leaderCall, encodeJson(call), timeoutMs);
    if (answer === 'nobody') return notNow('no_leader');
    const parsed = answer === 'silent' ? undefined : parseLeaderReply(answer);
    if (parsed?.ok === true) return parsed.value;
    return notNow(looks ? 'no_leader' : 'acceptance_unknown');
  }

  /** Submits one job, together with what else waits just now. Never throws. */
  submit(envelope: JobEnvelope): Promise<SubmitReply> {
    if (this.waiting.length >= WAITING_MAX) return Promise.resolve({ kind: 'refused', why: 'queue_full' });
    return new Promise((resolve) => {
      this.waiting.push({ ...submitTextOf(envelope), resolve });
      this.schedule();
    });
  }

  /** In a microtask, so that what one turn of the event loop brought goes out together. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      while (this.waiting.length > 0 && this.inFlight.size < IN_FLIGHT_MAX) void this.send(this.takeBatch());
    });
  }

  private takeBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const job of this.waiting) {
      bytes += job.bytes;
      if (count === BATCH_JOBS_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    this.inFlight.add(batch);
    const answer = await ask(this.connection, this.names.leaderCall, encodeSubmit(batch), this.callTimeoutMs);
    if (!this.inFlight.delete(batch)) return;
    const answers = answersIn(answer, batch.length);
    batch.forEach(({ envelope, resolve }, place) => {
      const found = answers(place);
      resolve(found === undefined ? { kind: 'unknown', id: envelope.id } : replyOf(found, envelope));
    });
    this.schedule();
  }

  /** The connection is back (N3). */
  linkRestored(): void {
    for (const batch of this.inFlight) {
      this.inFlight.delete(batch);
      for (const waiting of batch) void this.settleByLook(waiting);
    }
    this.schedule();
  }

  private async settleByLook({ envelope, resolve }: Waiting): Promise<void> {
    const { tenant, id } = envelope;
    const told = await this.call({ v: LEADER_VERSION, kind: 'find', tenant, id });
    const found = told.kind === 'job' ? told.reply.kind : 'unavailable';
    if (told.kind === 'job' && told.reply.kind === 'found')
      resolve({ kind: 'accepted', job: told.reply.job });
    else if (found === 'unknown' && envelope.extras?.idempotency === undefined)
      resolve({ kind: 'refused', why: 'no_leader' });
    else resolve({ kind: 'unknown', id });
  }

  /**
   * Another leader was elected, and all that the one before had accepted is known here: what is under way gets its answer now,
   * since the one that was asked may be gone. What is not known is `unknown`: it may have ended and been forgotten.
   */
  leaderChanged(known: (tenant: TenantId, id: JobId) => JobSnapshot | undefined): void {
    for (const batch of this.inFlight) {
      this.inFlight.delete(batch);
      for (const { envelope, resolve } of batch) {
        const { tenant, id } = envelope;
        const job = known(tenant, id);
        resolve(job === undefined ? { kind: 'unknown', id } : { kind: 'accepted', job });
      }
    }
    this.schedule();
  }
}

/** The answer to each job of a batch, undefined where there is none (N2). */
const answersIn = (answer: Answer, jobs: number): ((place: number) => SubmitAnswer | undefined) => {
  if (answer === 'nobody') return () => ({ kind: 'refused', why: 'no_leader' });
  if (answer === 'silent') return () => undefined;
  const parsed = parseLeaderReply(answer);
  if (!parsed.ok) return () => undefined;
  const reply = parsed.value as LeaderReply;
  if (reply.kind === 'not_now') return () => ({ kind: 'refused', why: reply.why });
  if (reply.kind !== 'submit' || reply.replies.length !== jobs) return () => undefined;
  return (place) => reply.replies[place];
};
