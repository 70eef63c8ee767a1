/** How busy the machine is: a shared one says with its figures how much they are worth. */
import { cpus } from 'node:os';

/** Time of all cores, in ms. */
interface CoreTimes {
  readonly busy: number;
  readonly all: number;
}

const now = (): CoreTimes => {
  let [busy, all] = [0, 0];
  for (const { times } of cpus()) {
    const sum = Object.values(times).reduce((total, one) => total + one, 0);
    all += sum;
    busy += sum - times.idle;
  }
  return { busy, all };
};

/** The busy share of all cores from now until the returned function is called. */
export const watchCores = (): (() => number) => {
  const began = now();
  return () => {
    const ended = now();
    return (ended.busy - began.busy) / Math.max(1, ended.all - began.all);
  };
};

/** The busy share of all cores in the next `ms`. */
export const busyFor = async (ms: number): Promise<number> => {
  const share = watchCores();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return share();
};
