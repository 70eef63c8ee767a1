/**
 * What happens to a shard while its fleet is updated, step by step. A step is over when the coordinator that must lead says
 * that it does, and enough further jobs were accepted.
 */
import type { ShardId } from '@zerofleet/model';
import { decodeCommit, shardNames } from '@zerofleet/protocol';
import type { NatsConnection } from '@zerofleet/runtime';
import { eventually } from '../fleet/eventually.js';
import type { Coordinator } from './coordinator.js';
import type { Load } from './load.js';

/** Jobs that are accepted in each step. */
const JOBS = 250;
const STEP_MS = 60_000;
/** The format is raised after 30 s of a reign. */
const RAISED_MS = 90_000;

export interface StoryOptions {
  readonly old: Coordinator;
  readonly news: readonly [Coordinator, Coordinator];
  readonly load: Load;
  readonly connection: NatsConnection;
  readonly signal: AbortSignal;
}

interface StreamState {
  readonly first_seq: number;
  readonly last_seq: number;
}

export class Story {
  /** A line for each step, for people. */
  readonly lines: string[] = [];
  private readonly options: StoryOptions;
  private readonly stream = shardNames('s0' as ShardId).ledgerStream;

  constructor(options: StoryOptions) {
    this.options = options;
  }

  async tell(): Promise<void> {
    const { old, news, signal } = this.options;
    const [first, second] = news;
    await this.step('the old one alone, until the ledger is purged past its election', 'old', () =>
      this.purged(),
    );
    await this.aside('new ones come, and leave it alone', async () => {
      await Promise.all(news.map(({ part }) => part.start(signal)));
    });
    await this.step('the old one is stopped', 'new', () => old.part.stop());
    await this.step('the old one comes back', 'old', () => old.part.start(signal));
    await this.aside('a new one is killed', () => void first.part.kill());
    await this.step('the old one is killed, and stays away', 'new', () => old.part.stop('SIGKILL'));
    await this.step('the old one comes back', 'old', () => old.part.start(signal));
    await this.step('the old one is killed, and comes back by itself', 'old', () => this.killAndBack());
    await this.aside('the new ones are stopped', async () => {
      await Promise.all(news.map(({ part }) => part.stop()));
    });
    await this.aside('the new ones come back', async () => {
      await Promise.all(news.map(({ part }) => part.start(signal)));
    });
    await this.step('the old one is stopped, and the new leader killed', 'new', async () => {
      await old.part.stop();
      (await this.leader('new')).part.kill();
    });
    await this.step('the format is raised', 'new', () => this.raised());
    await this.step('a new one is stopped and started', 'new', () => second.part.restart());
    await this.step('the old one comes back, and cannot read the ledger', 'new', () => this.oldIsShutOut());
    await this.step('a job of the new format is accepted', 'new', () => this.submitWithKey());
  }

  /** A step in which the old one leads on: one that loses its reign ends its process. */
  private async aside(what: string, act: () => Promise<void> | void): Promise<void> {
    const { part } = this.options.old;
    const { pid } = part;
    await this.step(what, 'old', act);
    if (part.pid !== pid) throw new Error(`${what}: and it lost its reign`);
  }

  private async step(what: string, leads: 'old' | 'new', act: () => Promise<void> | void): Promise<void> {
    const { load, signal } = this.options;
    signal.throwIfAborted();
    const began = performance.now();
    await act();
    await this.leader(leads);
    const enough = load.accepted + JOBS;
    await this.until(`${JOBS} further jobs`, () => load.accepted >= enough);
    const leader = await this.leader(leads);
    const tookS = ((performance.now() - began) / 1_000).toFixed(1);
    this.lines.push(`${what}: ${leader.name} leads, ${load.accepted} accepted so far, ${tookS} s`);
  }

  /** The one that leads, which must be of that release. */
  private leader(release: 'old' | 'new'): Promise<Coordinator> {
    const { old, news } = this.options;
    const candidates = release === 'old' ? [old] : news;
    return eventually(
      `a leader among the ${release} ones`,
      async () => {
        for (const one of candidates) if (await one.leads()) return one;
        return undefined;
      },
      STEP_MS,
    );
  }

  private async until(what: string, holds: () => boolean | Promise<boolean>, ms = STEP_MS): Promise<void> {
    await eventually(what, async () => ((await holds()) ? true : undefined), ms);
  }

  private async state(): Promise<StreamState> {
    const { connection } = this.options;
    const answer = await connection.request(`$JS.API.STREAM.INFO.${this.stream}`);
    return answer.json<{ readonly state: StreamState }>().state;
  }

  private purged(): Promise<void> {
    return this.until('a purge of the ledger', async () => (await this.state()).first_seq > 1);
  }

  /** Another may lead until it is back. */
  private async killAndBack(): Promise<void> {
    const { part } = this.options.old;
    const killed = part.kill();
    await this.until('a new process', () => part.pid !== undefined && part.pid !== killed);
    await part.ready();
  }

  private raised(): Promise<void> {
    const { connection } = this.options;
    const isRaised = async (): Promise<boolean> => {
      const seq = (await this.state()).last_seq;
      const subject = `$JS.API.STREAM.MSG.GET.${this.stream}`;
      const answer = await connection.request(subject, JSON.stringify({ seq }));
      const { message } = answer.json<{ readonly message?: { readonly data?: string } }>();
      const commit = decodeCommit(Buffer.from(message?.data ?? '', 'base64'));
      return commit.ok && commit.value.v === 2;
    };
    return this.until('a ledger message of format 2', isRaised, RAISED_MS);
  }

  private async oldIsShutOut(): Promise<void> {
    const { old, load } = this.options;
    const logged = old.log().length;
    // It is never ready: whoever waits for that waits for nothing.
    const starting = old.part.start(AbortSignal.timeout(STEP_MS)).catch(() => undefined);
    await this.until('its word that it cannot read the ledger', () =>
      /cannot be read by this release/.test(old.log().slice(logged)),
    );
    const enough = load.accepted + JOBS;
    await this.until(`${JOBS} further jobs`, async () => {
      if (await old.leads()) throw new Error('the old one leads a ledger that it cannot read');
      return load.accepted >= enough;
    });
    await old.part.stop();
    await starting;
  }

  private async submitWithKey(): Promise<void> {
    const { news, load } = this.options;
    if (!(await load.submitWithKey(news[0].apiUrl, 'after-the-update')))
      throw new Error('a job with a key was not accepted');
  }
}
