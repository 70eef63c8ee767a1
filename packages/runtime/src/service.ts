/**
 * The lifecycle of everything that runs for long.
 *
 * S1  `stop` without `start`, and a second `stop`, do nothing.
 * S2  A group stops in the reverse of its start order, also when a start failed half-way; one failing stop
 *     does not keep the others from stopping.
 */

export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Several services as one, started in order. */
export class ServiceGroup implements Service {
  private readonly services: readonly Service[];
  private started: Service[] = [];

  constructor(services: readonly Service[]) {
    this.services = services;
  }

  async start(): Promise<void> {
    for (const service of this.services) {
      this.started.push(service);
      await service.start();
    }
  }

  /** Throws the first error of a member's stop, after all were stopped (S2). */
  async stop(): Promise<void> {
    const stopping = this.started.reverse();
    this.started = [];
    const errors: unknown[] = [];
    for (const service of stopping) await service.stop().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}

/** A service from two functions. */
export const serviceOf = (start: () => Promise<void>, stop: () => Promise<void>): Service => {
  let running = false;
  return {
    async start() {
      running = true;
      await start();
    },
    async stop() {
      if (!running) return;
      running = false;
      await stop();
    },
  };
};
