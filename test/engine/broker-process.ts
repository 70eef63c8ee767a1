/** The built broker as a process of its own, on the machine's engine: what happens at its end is part of what it promises. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../fleet/eventually.js';
import type { Caller } from '../broker/ground.js';

const ROOT = new URL('../../', import.meta.url).pathname;
const TOKEN = 'docker-test';
const GONE_WITHIN_MS = 5_000;
const KIB = 1024;

/** Runs the docker command line. Throws when it fails. */
export const docker = (...args: string[]): string =>
  execFileSync('docker', args, { encoding: 'utf8', maxBuffer: 64 * KIB * KIB }).trim();

export class BrokerProcess {
  /** What its containers are labelled with. */
  readonly node = `test-${randomUUID().slice(0, 8)}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'zf-broker-'));
  readonly socketPath = join(this.folder, 'broker.sock');
  private readonly env: NodeJS.ProcessEnv;
  private child: ChildProcess | undefined;
  private exited: Promise<unknown> = Promise.resolve();

  /** `env` goes beside what every broker needs; nothing runs before start(). */
  constructor(images: readonly string[], env: Readonly<Record<string, string>> = {}) {
    writeFileSync(join(this.folder, 'token'), TOKEN);
    this.env = {
      ...process.env,
      ZF_BROKER_SOCKET: this.socketPath,
      ZF_BROKER_TOKEN_FILE: join(this.folder, 'token'),
      ZF_BROKER_IMAGES: images.join(),
      ZF_NODE: this.node,
      ZF_SECCOMP_FILE: join(ROOT, 'images/seccomp.json'),
      ZF_ADMIN_PORT: '0',
      ...env,
    };
  }

  /** Resolves once it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(ROOT, 'packages/engine-broker/dist/main.js')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: this.env,
    });
    this.child = child;
    this.exited = once(child, 'exit');
    for await (const line of createInterface(child.stdout)) if (line.includes('broker_listening')) break;
    child.stdout.resume();
  }

  /** A worker that calls it; a new boot each time. */
  caller(worker: string, image: string): Caller {
    return { socketPath: this.socketPath, token: TOKEN, image, worker, boot: randomUUID() };
  }

  /** Ends it with `signal`; resolves with its exit code and the signal that it died of. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    this.child?.kill(signal);
    return this.exited;
  }

  /** Ids of its containers, in any state. */
  containers(): string[] {
    const ids = docker('ps', '-aq', '--no-trunc', '--filter', `label=zerofleet.broker=${this.node}`);
    return ids.split('\n').filter((id) => id !== '');
  }

  /** Waits until it has no container. Throws after 5 s. */
  async allGone(): Promise<void> {
    const none = async (): Promise<true | undefined> => (this.containers().length === 0 ? true : undefined);
    await eventually('no container of the broker', none, GONE_WITHIN_MS);
  }

  /** Its resident memory. */
  get rssKib(): number {
    const status = readFileSync(`/proc/${this.child?.pid ?? 0}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  }

  /** Stops it, if it still runs, and takes everything of it away. Throws when it left a container. */
  async remove(): Promise<void> {
    try {
      await this.end('SIGTERM');
      await this.allGone();
    } finally {
      for (const id of this.containers()) docker('rm', '-f', id);
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}
