/**
 * Leader and workers over core NATS: requests out, Ready and Done in.
 *
 * N1  Ready is subscribed once however many hear it, so it is parsed once: every gateway hears, and the leader does too.
 */
import {
  encodeDoneReply,
  encodeJson,
  encodeRun,
  parseDone,
  parseReady,
  parseRunReply,
  parseStopReply,
  type Done,
  type DoneReply,
  type Parsed,
  type Ready,
  type RosterCall,
  type Run,
  type RunReply,
  type ShardNames,
  type Stop,
  type StopReply,
  type WireForm,
} from '@zerofleet/protocol';
import type { WorkerId } from '@zerofleet/model';
import type { Logger, NatsConnection } from '@zerofleet/runtime';
import type { WorkerPort } from '../engine/ports.js';

/** A request to a worker that is not answered by then is repeated by the engine, in ms. */
const REQUEST_TIMEOUT_MS = 2_000;

/** To whoever tells of ends in a way that cannot be read: every reader of replies knows this one. */
const RETRY = encodeDoneReply({ retry: [0] }, 1);

/** What workers say. */
export interface WorkerSink {
  ready(message: Ready): void;
  done(message: Done): Promise<DoneReply>;
}

export class NatsWorkers implements WorkerPort {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  private readonly log: Logger;
  private readonly hearers = new Set<(message: Ready) => void>();
  /** Set while somebody hears. */
  private unsubscribe: (() => void) | undefined;

  constructor(connection: NatsConnection, names: ShardNames, log: Logger) {
    this.connection = connection;
    this.names = names;
    this.log = log;
  }

  callRoster(call: RosterCall): void {
    this.connection.publish(this.names.roster, encodeJson(call));
  }

  run(worker: WorkerId, message: Run, form: WireForm): Promise<RunReply> {
    return this.ask(this.names.run(worker), encodeRun(message, form), parseRunReply);
  }

  stop(worker: WorkerId, message: Stop): Promise<StopReply> {
    return this.ask(this.names.stop(worker), encodeJson(message), parseStopReply);
  }

  /** Hands every Ready to `hearer` until the returned function is called (N1). */
  hear(hearer: (message: Ready) => void): () => void {
    this.hearers.add(hearer);
    this.unsubscribe ??= this.subscribeReady();
    return () => {
      this.hearers.delete(hearer);
      if (this.hearers.size > 0) return;
      this.unsubscribe?.();
      this.unsubscribe = undefined;
    };
  }

  /** Hands what workers say to `sink` until the returned function is called. */
  listen(sink: WorkerSink): () => void {
    const deafen = this.hear((message) => sink.ready(message));
    const done = this.connection.subscribe(this.names.done, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = parseDone(message.data);
        if (!parsed.ok) {
          this.log.warn({ reason: parsed.reason }, 'done_malformed');
          message.respond(RETRY);
          return;
        }
        const { done: ends, form } = parsed.value;
        void sink.done(ends).then((reply) => message.respond(encodeDoneReply(reply, form)));
      },
    });
    return () => {
      deafen();
      done.unsubscribe();
    };
  }

  private subscribeReady(): () => void {
    const subscription = this.connection.subscribe(this.names.ready, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = parseReady(message.data);
        if (!parsed.ok) return void this.log.warn({ reason: parsed.reason }, 'ready_malformed');
        for (const hear of this.hearers) hear(parsed.value);
      },
    });
    return () => subscription.unsubscribe();
  }

  private async ask<T>(
    subject: string,
    message: Uint8Array,
    parse: (bytes: Uint8Array) => Parsed<T>,
  ): Promise<T> {
    const reply = await this.connection.request(subject, message, { timeout: REQUEST_TIMEOUT_MS });
    const parsed = parse(reply.data);
    if (!parsed.ok) throw new Error(`malformed reply on ${subject}: ${parsed.reason}`);
    return parsed.value;
  }
}
