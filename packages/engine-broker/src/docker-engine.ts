/** The Docker engine as the broker uses it: create, attach and start, destroy, list. Every call ends within a bound. */
import type { Duplex } from 'node:stream';
import Docker, { type ContainerCreateOptions, type ContainerInfo } from 'dockerode';
import { CONTAINER_LABEL, TOOL_ROLE, type EngineInfo } from '@zerofleet/protocol';

/** A call to the engine that takes longer is given up, in ms. */
const CALL_TIMEOUT_MS = 20_000;
/** A kill that takes longer is left to the forced removal, in ms. */
const KILL_TIMEOUT_MS = 3_000;
/** How long an answer about the engine is given again: it costs the engine much, and a caller nothing. */
const FACTS_FOR_MS = 1_000;

/** The engine did not do what it was asked for. */
export class EngineError extends Error {
  readonly code: 'engine_failed' | 'engine_away' | 'engine_timeout';
  /** Its HTTP status, where it answered. */
  readonly status: number | undefined;

  constructor(code: EngineError['code'], message: string, status?: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const late = (what: string, timeoutMs: number): EngineError =>
  new EngineError('engine_timeout', `${what} took longer than ${timeoutMs} ms`);

const asEngineError = (error: Error & { statusCode?: number; code?: string }): EngineError => {
  if (error instanceof EngineError) return error;
  const isAway = error.statusCode === undefined && error.code !== undefined;
  return new EngineError(isAway ? 'engine_away' : 'engine_failed', error.message, error.statusCode);
};

/** The call's result. Throws EngineError. */
const within = async <T>(what: string, timeoutMs: number, call: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late(what, timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([call, tooLate]);
  } catch (error) {
    throw asEngineError(error as Error);
  } finally {
    clearTimeout(timer);
  }
};

/** Gone already, or going: what was asked for is so. */
const isGone = (error: unknown): boolean =>
  error instanceof EngineError && [304, 404, 409].includes(error.status ?? 0);

export class DockerEngine {
  private readonly docker: Docker;
  private facts: { readonly atMs: number; readonly info: Promise<EngineInfo> } | undefined;

  constructor(socketPath: string) {
    this.docker = new Docker({ socketPath });
  }

  async create(name: string, body: ContainerCreateOptions): Promise<string> {
    return (await within('create', CALL_TIMEOUT_MS, this.docker.createContainer({ ...body, name }))).id;
  }

  /** Attaches, then starts: nothing the container says can be missed. The stream carries the engine's 8-byte headers. */
  async attachAndStart(id: string): Promise<Duplex> {
    const container = this.docker.getContainer(id);
    const options = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true };
    const stream = (await within('attach', CALL_TIMEOUT_MS, container.attach(options))) as unknown as Duplex;
    try {
      await within('start', CALL_TIMEOUT_MS, container.start());
    } catch (error) {
      stream.destroy();
      throw error;
    }
    return stream;
  }

  /** Kills and removes; a container that is gone already is fine. The caller has ended its attach before. */
  async destroy(id: string): Promise<void> {
    const container = this.docker.getContainer(id);
    await within('kill', KILL_TIMEOUT_MS, container.kill({ signal: 'KILL' })).catch(() => undefined);
    try {
      await within('remove', CALL_TIMEOUT_MS, container.remove({ force: true, v: true }));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Every tool container of `broker`, running or not. */
  list(broker: string): Promise<ContainerInfo[]> {
    const label = [`${CONTAINER_LABEL.role}=${TOOL_ROLE}`, `${CONTAINER_LABEL.broker}=${broker}`];
    return within('list', CALL_TIMEOUT_MS, this.docker.listContainers({ all: true, filters: { label } }));
  }

  /** What the engine is, and which of `references` it has; at most FACTS_FOR_MS old, and asked for once at a time. */
  info(references: readonly string[]): Promise<EngineInfo> {
    const nowMs = performance.now();
    if (this.facts === undefined || nowMs - this.facts.atMs > FACTS_FOR_MS)
      this.facts = { atMs: nowMs, info: this.askInfo(references) };
    return this.facts.info;
  }

  private async askInfo(references: readonly string[]): Promise<EngineInfo> {
    const info = (await within('info', CALL_TIMEOUT_MS, this.docker.info())) as {
      ServerVersion: string;
      Runtimes?: Record<string, unknown>;
    };
    const images = await Promise.all(
      references.map(async (reference) => ({ reference, id: await this.imageId(reference) })),
    );
    return { version: info.ServerVersion, runtimes: Object.keys(info.Runtimes ?? {}), images };
  }

  private async imageId(reference: string): Promise<string | null> {
    try {
      return (await within('image', CALL_TIMEOUT_MS, this.docker.getImage(reference).inspect())).Id;
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return null;
      throw error;
    }
  }
}
