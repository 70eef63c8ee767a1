/**
 * The ledger port, in memory and on a real NATS server: what the simulation runs on must behave as production does.
 * The real one is also killed and started again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureStreams, NatsLedger, type AppendResult, type LedgerPort } from '@zerofleet/coordinator';
import { ensureNats } from '@zerofleet/launch';
import type { ShardId } from '@zerofleet/model';
import { shardNames } from '@zerofleet/protocol';
import { connectNats, silentLogger, type NatsLink } from '@zerofleet/runtime';
import {
  MemoryLedger,
  MemoryLog,
  NO_LEDGER_FAULTS,
  Prng,
  ProcessClock,
  VirtualClock,
} from '@zerofleet/testkit';

/** A fresh ledger and what a test may do to its surroundings. */
interface Bench {
  readonly ledger: LedgerPort;
  /** Lets time pass where it does not pass by itself. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
}

const text = (n: number): Buffer => Buffer.from(`commit ${n}`);
const kinds = (results: readonly AppendResult[]): string[] => results.map((result) => result.kind);

const conformance = (name: string, open: () => Promise<Bench>): void => {
  describe(name, () => {
    const append = (
      { ledger }: Bench,
      n: number,
      lastSeq: number,
      lastId: string | null,
      by = 'a',
    ): Promise<AppendResult> => ledger.append(text(n), `1.${by}.${n}`, { lastSeq, lastId });
    const fill = async (bench: Bench, count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1)
        expect(await bench.settle(append(bench, n, n, n === 0 ? null : `1.a.${n - 1}`))).toEqual({
          kind: 'stored',
          seq: n + 1,
        });
    };
    const readFrom = async (bench: Bench, seq: number): Promise<{ last: number; found: string[] }> => {
      const found: string[] = [];
      const last = await bench.settle(
        bench.ledger.read(seq, (at, bytes) => found.push(`${at} ${Buffer.from(bytes).toString()}`)),
      );
      return { last, found };
    };

    it('is empty at first', async () => {
      expect(await readFrom(await open(), 1)).toEqual({ last: 0, found: [] });
    });

    it('stores a pipeline in order and reads it from anywhere', async () => {
      const bench = await open();
      const pipeline = [0, 1, 2, 3].map((n) => append(bench, n, n, n === 0 ? null : `1.a.${n - 1}`));
      expect(kinds(await bench.settle(Promise.all(pipeline)))).toEqual([
        'stored',
        'stored',
        'stored',
        'stored',
      ]);
      expect(await readFrom(bench, 3)).toEqual({ last: 4, found: ['3 commit 2', '4 commit 3'] });
      expect(await readFrom(bench, 5)).toEqual({ last: 4, found: [] });
    });

    it('refuses a wrong sequence and a wrong id, and everything pipelined behind', async () => {
      const bench = await open();
      await fill(bench, 2);
      const behind = [
        append(bench, 7, 9, '1.a.1'),
        append(bench, 8, 10, '1.a.7'),
        append(bench, 9, 2, '1.b.1'),
      ];
      expect(kinds(await bench.settle(Promise.all(behind)))).toEqual(['refused', 'refused', 'refused']);
      expect((await readFrom(bench, 1)).last).toBe(2);
    });

    it("refuses what was pipelined behind a lost append when another's message took its place", async () => {
      const bench = await open();
      await fill(bench, 2);
      // Append 2 of leader a never arrives; leader b is elected in its place; append 3 of leader a arrives.
      expect(await bench.settle(append(bench, 2, 2, null, 'b'))).toEqual({ kind: 'stored', seq: 3 });
      expect(await bench.settle(append(bench, 3, 3, '1.a.2'))).toEqual({ kind: 'refused' });
    });

    it('keeps sequence and fence through a purge', async () => {
      const bench = await open();
      await fill(bench, 5);
      await bench.settle(bench.ledger.purge(5));
      expect(await readFrom(bench, 1)).toEqual({ last: 5, found: ['5 commit 4'] });
      expect(await bench.settle(append(bench, 5, 5, '1.a.3'))).toEqual({ kind: 'refused' });
      expect(await bench.settle(append(bench, 5, 5, '1.a.4'))).toEqual({ kind: 'stored', seq: 6 });
    });
  });
};

conformance('ledger in memory', async () => {
  const clock = new VirtualClock();
  const ledger = new MemoryLedger(
    new MemoryLog(),
    new ProcessClock(clock),
    new Prng(1),
    () => NO_LEDGER_FAULTS,
  );
  const settle = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    void work.finally(() => (over = true)).catch(() => undefined);
    while (!over && (await clock.step()));
    return work;
  };
  return { ledger, settle };
});

describe('on a real server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zerofleet-conformance-'));
  let binary = '';
  let port = 0;
  let server: ChildProcess | undefined;
  let link: NatsLink;
  let shards = 0;

  const startServer = (): void => {
    server = spawn(binary, ['--config', join(folder, 'nats.conf')], { stdio: 'ignore' });
  };
  const killServer = async (): Promise<void> => {
    const ended = new Promise((resolve) => server?.once('exit', resolve));
    server?.kill('SIGKILL');
    await ended;
  };
  const openShard = async (): Promise<LedgerPort> => {
    shards += 1;
    const names = shardNames(`c${shards}` as ShardId);
    const settings = { replicas: 1, ledgerMaxBytes: 1e7, outcomesMaxBytes: 1e7, outcomesMaxAgeMs: 60_000 };
    return new NatsLedger(link.connection, await ensureStreams(link.connection, names, settings), names);
  };

  beforeAll(async () => {
    binary = (await ensureNats()).path;
    port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port: free } = probe.address() as AddressInfo;
        probe.close(() => resolve(free));
      });
    });
    writeFileSync(
      join(folder, 'nats.conf'),
      `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${folder}/store", sync_interval: always }\n`,
    );
    startServer();
    const config = { natsUrl: `nats://127.0.0.1:${port}`, natsUser: '', natsPasswordFile: '' };
    link = await connectNats(config, 'conformance', silentLogger());
  }, 120_000);
  afterAll(async () => {
    await link.connection.close();
    await killServer();
    rmSync(folder, { recursive: true, force: true });
  });

  conformance('ledger on NATS', async () => ({ ledger: await openShard(), settle: (work) => work }));

  it('fences by id also after kill -9 and restart', async () => {
    const ledger = await openShard();
    const first = await ledger.append(text(0), '1.a.0', { lastSeq: 0, lastId: null });
    expect(first).toEqual({ kind: 'stored', seq: 1 });
    await killServer();
    startServer();
    const answer = async (lastId: string): Promise<AppendResult> => {
      for (;;) {
        const result = await ledger.append(text(1), '1.a.1', { lastSeq: 1, lastId });
        if (result.kind !== 'unknown') return result;
      }
    };
    expect(await answer('1.b.0')).toEqual({ kind: 'refused' });
    expect(await answer('1.a.0')).toEqual({ kind: 'stored', seq: 2 });
  });
});
