/**
 * Publishes to JetStream with many publishes under way. The client's own publish makes a promise and a timer for each; this
 * peer is spared both by one inbox and a map. What is never acknowledged shows as a job without outcome.
 */
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

export class AckedPublisher {
  private readonly connection: NatsConnection;
  private readonly inbox = createInbox();
  private readonly failed: (error: Error) => void;
  private readonly waiting = new Map<string, () => void>();
  private tokens = 0;

  constructor(connection: NatsConnection, failed: (error: Error) => void) {
    this.connection = connection;
    this.failed = failed;
    connection.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => (error === null ? this.heard(message) : failed(error)),
    });
  }

  /** Publishes `body`; `stored` is called once the stream has it. */
  publish(subject: string, body: string, stored: () => void = () => undefined): void {
    const reply = `${this.inbox}.${(this.tokens += 1)}`;
    this.waiting.set(reply, stored);
    this.connection.publish(subject, body, { reply });
  }

  private heard(message: Msg): void {
    const stored = this.waiting.get(message.subject);
    this.waiting.delete(message.subject);
    const { error } =
      message.data.length === 0 ? { error: 'nobody listens' } : message.json<{ error?: unknown }>();
    if (error === undefined) stored?.();
    else this.failed(new Error(`a publish was refused: ${JSON.stringify(error)}`));
  }
}
