/** GET /v1/status, as the launcher needs it before it trusts a fleet. */
import type { StatusView } from '@zerofleet/protocol';

const ANSWER_MS = 3_000;

/** What the fleet says of itself; undefined while it does not answer 200. */
export const statusOf = async (apiUrl: string, apiKey: string): Promise<StatusView | undefined> => {
  try {
    const answer = await fetch(`${apiUrl}/v1/status`, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return answer.ok ? ((await answer.json()) as StatusView) : undefined;
  } catch {
    return undefined;
  }
};

/** Whether `url` answers 200. */
export const answersOk = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
};
