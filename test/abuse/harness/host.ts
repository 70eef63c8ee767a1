/**
 * What an attack costs the host and the fleet's own processes while it runs: disk and memory, looked at again and again.
 *
 * W1  What is given is the most that was seen at any look, not what is left at the end.
 */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { AbuseFacts } from '../setup.js';
import { ask } from './engine.js';

const EVERY_MS = 20;
const MIB = 1024 ** 2;

/** The most that was used more than at the start, in MiB. */
export interface Growth {
  readonly diskMiB: number;
  readonly workerMiB: number;
  readonly coordinatorMiB: number;
  readonly brokerMiB: number;
  /** Looks that were taken. */
  readonly looks: number;
}

const PARTS = ['worker', 'coordinator', 'broker'] as const;

const rssMiB = (pid: number): number => {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (line === null) throw new Error(`process ${pid} has no memory`);
  return Number(line[1]) / 1024;
};

/** What is used of the file systems of the engine's folder and of `/`, in MiB. */
const usedMiB = async (folders: readonly string[]): Promise<number> => {
  const stats = await Promise.all(folders.map((folder) => statfs(folder)));
  return Math.max(...stats.map(({ blocks, bfree, bsize }) => ((blocks - bfree) * bsize) / MIB));
};

/** Watches while `work` runs. */
export const growthDuring = async (of: AbuseFacts, work: () => Promise<void>): Promise<Growth> => {
  const { DockerRootDir: root } = await ask<{ DockerRootDir: string }>('/info');
  const look = async (): Promise<number[]> => [
    await usedMiB(['/', root]),
    ...PARTS.map((name) => rssMiB(of.pids[name] ?? 0)),
  ];
  const first = await look();
  const most = [...first];
  let looks = 0;
  let over = false;
  const watch = (async () => {
    while (!over) {
      for (const [n, value] of (await look()).entries()) most[n] = Math.max(most[n] ?? 0, value);
      looks += 1;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  })();
  try {
    await work();
  } finally {
    over = true;
    await watch;
  }
  const grown = most.map((value, n) => value - (first[n] ?? 0)) as [number, number, number, number];
  return { diskMiB: grown[0], workerMiB: grown[1], coordinatorMiB: grown[2], brokerMiB: grown[3], looks };
};
