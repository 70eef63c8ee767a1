/** NATS and Redis of a test file's own, on loopback, which a test may kill and start again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JetStreamManager } from '@nats-io/jetstream';
import { ensureStreams, type StreamSettings } from '@zerofleet/coordinator';
import { ensureNats, ensureRedis } from '@zerofleet/launch';
import type { ShardId } from '@zerofleet/model';
import { shardNames, type ShardNames } from '@zerofleet/protocol';
import { connectNats, connectRedis, silentLogger, type NatsConnection, type Redis } from '@zerofleet/runtime';
import { eventually } from '../fleet/eventually.js';

/** A shard that no other test uses, with its streams. */
export interface TestShard {
  readonly shard: ShardId;
  readonly names: ShardNames;
  readonly manager: JetStreamManager;
}

const SETTINGS: StreamSettings = {
  replicas: 1,
  ledgerMaxBytes: 1e8,
  outcomesMaxBytes: 1e8,
  outcomesMaxAgeMs: 3_600_000,
  timersMaxBytes: 1e7,
  deadMaxBytes: 1e7,
};

export class Brokers {
  private readonly folder = mkdtempSync(join(tmpdir(), 'zerofleet-conformance-'));
  private readonly connections: NatsConnection[] = [];
  private readonly clients: Redis[] = [];
  private readonly children = new Map<'nats' | 'redis', ChildProcess>();
  private shards = 0;
  private natsPort = 0;
  private redisPort = 0;
  private natsPath = '';
  private redisPath = '';

  async start(): Promise<void> {
    this.natsPath = (await ensureNats()).path;
    this.redisPath = await ensureRedis();
    this.natsPort = await freePort();
    this.redisPort = await freePort();
    writeFileSync(
      join(this.folder, 'nats.conf'),
      `listen: "127.0.0.1:${this.natsPort}"\njetstream { store_dir: "${this.folder}/store", sync_interval: always }\n`,
    );
    this.startNats();
    this.startRedis();
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) await connection.close();
    for (const client of this.clients) client.disconnect();
    await this.kill('nats');
    await this.kill('redis');
    rmSync(this.folder, { recursive: true, force: true });
  }

  startNats(): void {
    this.run('nats', this.natsPath, ['--config', join(this.folder, 'nats.conf')]);
  }

  /** As a fleet runs it: nothing on disk, and it refuses rather than evicts. */
  startRedis(): void {
    // A process that renames itself loses its environment, by which an interrupted run's processes are found.
    const policy = ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction', '--set-proc-title', 'no'];
    const args = ['--port', `${this.redisPort}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.run('redis', this.redisPath, [...args, ...policy]);
  }

  /** SIGKILL; resolves once the process is gone. */
  async kill(name: 'nats' | 'redis'): Promise<void> {
    const child = this.children.get(name);
    if (child === undefined) return;
    this.children.delete(name);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async connect(): Promise<NatsConnection> {
    const config = { natsUrl: `nats://127.0.0.1:${this.natsPort}`, natsUser: '', natsPasswordFile: '' };
    const { connection } = await connectNats(config, 'conformance', silentLogger());
    this.connections.push(connection);
    return connection;
  }

  async redis(): Promise<Redis> {
    const config = { redisUrl: `redis://127.0.0.1:${this.redisPort}`, redisPasswordFile: '' };
    const client = connectRedis(config, silentLogger());
    this.clients.push(client);
    await eventually('Redis', () => Promise.resolve(client.status === 'ready' ? true : undefined));
    return client;
  }

  async newShard(connection: NatsConnection, settings: Partial<StreamSettings> = {}): Promise<TestShard> {
    this.shards += 1;
    const shard = `c${this.shards}` as ShardId;
    const names = shardNames(shard);
    return { shard, names, manager: await ensureStreams(connection, names, { ...SETTINGS, ...settings }) };
  }

  private run(name: 'nats' | 'redis', path: string, args: readonly string[]): void {
    const child = spawn(path, args, { stdio: 'ignore', cwd: this.folder });
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    this.children.set(name, child);
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
