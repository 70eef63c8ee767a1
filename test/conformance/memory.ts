/** The in-memory ports of one process, in virtual time that passes only while something is waited for. */
import { NO_FAULTS, Prng, ProcessClock, VirtualClock, Wire } from '@zerofleet/testkit';

export const memoryBench = () => {
  const clock = new VirtualClock();
  const prng = new Prng(1);
  const wire = new Wire(clock, prng, () => NO_FAULTS);
  const newProcess = (): ProcessClock => new ProcessClock(clock);
  const settle = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    void work.finally(() => (over = true)).catch(() => undefined);
    while (!over && (await clock.step()));
    return work;
  };
  return { clock, prng, wire, newProcess, settle };
};
