/** Leader and workers over core NATS: requests out, Ready and Done in. */
import {
  encodeJson,
  MESSAGES_VERSION,
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
} from '@zerofleet/protocol';
import type { WorkerId } from '@zerofleet/model';
import type { Logger, NatsConnection } from '@zerofleet/runtime';
import type { WorkerPort } from '../engine/ports.js';

/** A request to a worker that is not answered by then is repeated by the engine, in ms. */
const REQUEST_TIMEOUT_MS = 2_000;

const doneReply = (kind: DoneReply['kind']): Uint8Array =>
  encodeJson({ v: MESSAGES_VERSION, kind } satisfies DoneReply);
/** Each of them is sent thousands of times a second. */
const DONE_REPLIES = { confirmed: doneReply('confirmed'), retry: doneReply('retry') };

/** What workers say. */
export interface WorkerSink {
  ready(message: Ready): void;
  done(message: Done): Promise<DoneReply>;
}

export class NatsWorkers implements WorkerPort {
  private readonly connection: NatsConnection;
  private readonly names: ShardNames;
  private readonly log: Logger;

  constructor(connection: NatsConnection, names: ShardNames, log: Logger) {
    this.connection = connection;
    this.names = names;
    this.log = log;
  }

  callRoster(call: RosterCall): void {
    this.connection.publish(this.names.roster, encodeJson(call));
  }

  run(worker: WorkerId, message: Run): Promise<RunReply> {
    return this.ask(this.names.run(worker), message, parseRunReply);
  }

  stop(worker: WorkerId, message: Stop): Promise<StopReply> {
    return this.ask(this.names.stop(worker), message, parseStopReply);
  }

  /** Hands what workers say to `sink` until the returned function is called. */
  listen(sink: WorkerSink): () => void {
    const ready = this.connection.subscribe(this.names.ready, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = parseReady(message.data);
        if (parsed.ok) sink.ready(parsed.value);
        else this.log.warn({ reason: parsed.reason }, 'ready_malformed');
      },
    });
    const done = this.connection.subscribe(this.names.done, {
      callback: (error, message) => {
        if (error !== null) return;
        const parsed = parseDone(message.data);
        if (!parsed.ok) {
          this.log.warn({ reason: parsed.reason }, 'done_malformed');
          message.respond(DONE_REPLIES.retry);
          return;
        }
        void sink.done(parsed.value).then(({ kind }) => message.respond(DONE_REPLIES[kind]));
      },
    });
    return () => {
      ready.unsubscribe();
      done.unsubscribe();
    };
  }

  private async ask<T>(
    subject: string,
    message: unknown,
    parse: (bytes: Uint8Array) => Parsed<T>,
  ): Promise<T> {
    const reply = await this.connection.request(subject, encodeJson(message), {
      timeout: REQUEST_TIMEOUT_MS,
    });
    const parsed = parse(reply.data);
    if (!parsed.ok) throw new Error(`malformed reply on ${subject}: ${parsed.reason}`);
    return parsed.value;
  }
}
