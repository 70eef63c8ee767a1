/** The Docker engine as the broker uses it: create, attach and start, destroy, list. Every call ends within a bound. */
import type { Duplex } from 'node:stream';
import type { PoolSpec } from '@zerofleet/model';
import Docker, { type ContainerCreateOptions, type ContainerInfo } from 'dockerode';
import { CONTAINER_LABEL, TOOL_ROLE, type EngineInfo } from '@zerofleet/protocol';
import { Refusal } from './refusal.js';
import { Recent } from './recent.js';
import { answeredWith, within, type EngineError } from './engine-call.js';

/** The one that every engine has, and takes where none is named. */
const DEFAULT_RUNTIME = 'runc';
/** A call to the engine that takes longer is given up, in ms. */
const CALL_TIMEOUT_MS = 20_000;
const PING_TIMEOUT_MS = 500;
/** How old a ping's answer may be, in ms: many containers end together when their engine does. */
const PONG_FOR_MS = 20;
/** A kill that takes longer is left to the forced removal, in ms. */
const KILL_TIMEOUT_MS = 3_000;
/** How long an answer about the engine is given again, in ms. */
const FACTS_FOR_MS = 1_000;

export type EngineFacts = Pick<EngineInfo, 'version' | 'runtimes'>;

/** Gone already, or going: what was asked for is so. */
const isGone = (error: unknown): boolean => answeredWith(error, 304, 404, 409);

export class DockerEngine {
  private readonly docker: Docker;
  private readonly pong = new Recent(PONG_FOR_MS, () => within('ping', PING_TIMEOUT_MS, this.docker.ping()));
  private readonly facts = new Recent(FACTS_FOR_MS, () => this.askInfo());

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

  /** Throws EngineError `engine_away` when nobody listens. An engine that is slow to answer is there. */
  async ping(): Promise<void> {
    await this.pong.get().catch((error: EngineError) => {
      if (error.code === 'engine_away') throw error;
    });
  }

  /** What the engine is. */
  info(): Promise<EngineFacts> {
    return this.facts.get();
  }

  /** Throws Refusal when the engine does not list the runtime: a container of another would isolate less than was asked for. */
  async demandRuntime(runtime: PoolSpec['runtime']): Promise<void> {
    if (runtime === DEFAULT_RUNTIME || (await this.info()).runtimes.includes(runtime)) return;
    throw new Refusal('runtime_missing', `the engine has no runtime ${runtime}`);
  }

  private async askInfo(): Promise<EngineFacts> {
    const info = (await within('info', CALL_TIMEOUT_MS, this.docker.info())) as {
      ServerVersion: string;
      Runtimes?: Record<string, unknown>;
    };
    return { version: info.ServerVersion, runtimes: Object.keys(info.Runtimes ?? {}) };
  }
}
