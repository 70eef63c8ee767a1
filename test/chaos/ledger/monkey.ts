/**
 * Does the deeds of a dose to a lab, each once enough jobs are accepted and the one before is done.
 *
 * K1  A deed is done when a job that was submitted after it is accepted; that time is measured.
 * K2  Workers that were killed are in the file of kills, `WORKER PID`: nobody else's attempts may be lost.
 */
import { appendFileSync } from 'node:fs';
import type { Lab, Part } from '@zerofleet/launch';
import { connectRedis, silentLogger } from '@zerofleet/runtime';
import { eventually } from '../../fleet/eventually.js';
import { stepsOf, type Deed, type Dose } from './dose.js';
import type { Submitter } from './submitter.js';

const LEADER_MS = 60_000;
const ACCEPTED_MS = 90_000;

/** Where the monkey notes what the audit must know. */
export interface MonkeyOptions {
  readonly lab: Lab;
  readonly dose: Dose;
  readonly submitter: Submitter;
  readonly killsFile: string;
}

export class Monkey {
  private readonly options: MonkeyOptions;
  private readonly resumed: Promise<void>[] = [];
  /** From each deed to the next accepted job, in ms. */
  readonly gapsMs = new Map<Deed, number[]>();

  constructor(options: MonkeyOptions) {
    this.options = options;
  }

  /** Does all deeds; resolves when every part runs again. */
  async run(): Promise<void> {
    const { dose, lab, submitter } = this.options;
    for (const { deed, afterJobs } of stepsOf(dose)) {
      await submitter.reached(afterJobs);
      await this.does(deed);
      const doneMs = performance.now();
      const gaps = this.gapsMs.get(deed) ?? [];
      this.gapsMs.set(deed, [...gaps, (await this.nextAccepted(deed)) - doneMs]);
    }
    await Promise.all(this.resumed);
    for (const part of partsOf(lab))
      if (!(await part.ready())) throw new Error(`${part.name} is not ready again; see ${part.logFile}`);
  }

  private async does(deed: Deed): Promise<void> {
    switch (deed) {
      case 'leader killed':
        return void (await this.leader()).kill();
      case 'leader paused':
        return this.pauseLeader();
      case 'NATS killed':
        return void this.options.lab.nats.parts[0]?.kill();
      case 'Redis flushed':
        return this.flushRedis();
      case 'worker killed':
        return this.killWorker();
    }
  }

  private async pauseLeader(): Promise<void> {
    const leader = await this.leader();
    leader.kill('SIGSTOP');
    const resume = new Promise<void>((resolve) => {
      setTimeout(() => {
        leader.kill('SIGCONT');
        resolve();
      }, this.options.dose.pauseMs);
    });
    this.resumed.push(resume);
  }

  private async flushRedis(): Promise<void> {
    const { redis } = this.options.lab;
    if (redis === undefined) throw new Error('the lab has no Redis');
    const config = { redisUrl: redis.url, redisPasswordFile: redis.passwordFile };
    const client = connectRedis(config, silentLogger());
    try {
      await eventually('Redis flushed', () => client.flushall().catch(() => undefined));
    } finally {
      client.disconnect();
    }
  }

  private killWorker(): void {
    const { lab, killsFile } = this.options;
    const part = lab.workers[(this.gapsMs.get('worker killed')?.length ?? 0) % lab.workers.length];
    const pid = part?.kill();
    if (part === undefined || pid === undefined) throw new Error('the worker to be killed does not run');
    appendFileSync(killsFile, `${part.name} ${pid}\n`);
  }

  private leader(): Promise<Part> {
    const { lab } = this.options;
    const look = async (): Promise<Part | undefined> => lab.coordinators[(await lab.leader()) ?? -1]?.part;
    return eventually('a leader', look, LEADER_MS, 10);
  }

  private async nextAccepted(after: Deed): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no job was accepted within ${ACCEPTED_MS} ms after: ${after}`)),
        ACCEPTED_MS,
      );
    });
    try {
      return await Promise.race([this.options.submitter.nextAccepted(), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const partsOf = (lab: Lab): readonly Part[] => [
  ...lab.nats.parts,
  ...lab.coordinators.map(({ part }) => part),
  ...lab.workers,
];
