/**
 * What follows when an attempt of a job brought an outcome that its retry policy may not accept.
 *
 * Y1  Never more attempts than `maxAttempts`; without a policy an outcome is final.
 * Y2  The pause is uniform in [0, min(cap, base × 2^(spent − 1))]: exponential backoff with full jitter, which spreads the
 *     retries of many jobs that failed together (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 */
import type { Outcome, RetryCause, RetryPolicy } from '@zerofleet/model';

/** `final`: the outcome stands; `dead` where it exhausted what was asked for. `retry`: again, after a pause. */
export type Verdict =
  { readonly kind: 'final'; readonly dead: boolean } | { readonly kind: 'retry'; readonly delayMs: number };

/** What a retry policy would call this outcome; undefined for one that is never tried again. */
export const causeOf = (outcome: Outcome): RetryCause | undefined => {
  if (outcome.kind === 'timed_out') return 'timed_out';
  if (outcome.kind !== 'failed') return undefined;
  const { code } = outcome.failure;
  return code === 'protocol' || code === 'worker_lost' ? undefined : code;
};

/** Whether a job that ended so is a dead letter: it used up the attempts that it was given to get over just this. */
export const isDead = (outcome: Outcome, policy: RetryPolicy | undefined): boolean => {
  if (outcome.kind === 'failed' && outcome.failure.code === 'worker_lost') return true;
  const cause = causeOf(outcome);
  return cause !== undefined && policy?.on.includes(cause) === true;
};

/** The verdict on `outcome` after `attemptsSpent` attempts; `random` is uniform in [0, 1). */
export const judge = (
  outcome: Outcome,
  policy: RetryPolicy | undefined,
  attempts: { readonly spent: number; readonly max: number },
  random: number,
): Verdict => {
  const cause = causeOf(outcome);
  if (cause === undefined || policy?.on.includes(cause) !== true)
    return { kind: 'final', dead: isDead(outcome, policy) };
  if (attempts.spent >= attempts.max) return { kind: 'final', dead: true };
  const boundMs = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempts.spent - 1, 30));
  return { kind: 'retry', delayMs: Math.floor(random * boundMs) };
};
