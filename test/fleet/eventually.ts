/** Waiting for what the outside world does, with a bound: never a bare pause. */

/** Waits until `look` finds something, looking every `everyMs`; throws with `what` when it takes longer than `timeoutMs`. */
export const eventually = async <T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeoutMs = 30_000,
  everyMs = 50,
): Promise<T> => {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, everyMs);
    });
  }
};
