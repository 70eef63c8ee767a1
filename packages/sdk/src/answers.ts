/** Bytes of answers as typed values, parsed at the edge; a refusal becomes a ProblemError. */
import {
  jsonParser,
  JobViewShape,
  type DeadLettersView,
  type JobView,
  type Problem,
  type StatusView,
  type ToolView,
} from '@zerofleet/protocol';
import type { AnswerKind } from './answer-kinds.js';
import { ProblemError, UnexpectedAnswerError } from './errors.js';
import { retryAfterOf, type Answer } from './exchange.js';

const parseJobView = jsonParser(JobViewShape);

/** The job in an answer. Throws UnexpectedAnswerError when there is none. */
export const jobOf = (url: string, answer: Answer): JobView => {
  const parsed = parseJobView(answer.body ?? new Uint8Array());
  if (parsed.ok) return parsed.value;
  throw new UnexpectedAnswerError(url, answer.status, `its body is not a job: ${parsed.reason}`);
};

/** The tools in an answer. Throws UnexpectedAnswerError when there are none. */
export const toolsOf = (url: string, answer: Answer): ToolView[] => {
  const value = jsonOf(answer);
  if (isRecord(value) && Array.isArray(value['tools']) && value['tools'].every(isTool)) return value['tools'];
  throw new UnexpectedAnswerError(url, answer.status, 'its body is not a list of tools');
};

/** The page of dead letters in an answer. Throws UnexpectedAnswerError when there is none. */
export const lettersOf = (url: string, answer: Answer): DeadLettersView => {
  const value = jsonOf(answer);
  if (isLetters(value)) return value;
  throw new UnexpectedAnswerError(url, answer.status, 'its body is not a page of dead letters');
};

/** The fleet's status in an answer. Throws UnexpectedAnswerError when there is none. */
export const statusOf = (url: string, answer: Answer): StatusView => {
  const value = jsonOf(answer);
  if (isStatus(value)) return value;
  throw new UnexpectedAnswerError(url, answer.status, 'its body is not a status');
};

/** What an answer of this kind holds. Throws UnexpectedAnswerError when it is none. */
export const kindOf = <T>(url: string, answer: Answer, kind: AnswerKind<T>): T => {
  const value = jsonOf(answer);
  if (kind.is(value)) return value;
  throw new UnexpectedAnswerError(url, answer.status, `its body is not ${kind.what}`);
};

/** What a refusal throws: the problem document, or UnexpectedAnswerError where the body is none. */
export const refusalOf = (url: string, answer: Answer): ProblemError | UnexpectedAnswerError => {
  const value = jsonOf(answer);
  if (!isProblem(value))
    return new UnexpectedAnswerError(url, answer.status, 'its body is not a problem document');
  return new ProblemError(value, value.retryAfterMs ?? retryAfterOf(answer.headers));
};

/** The id in a Location header of a submission's answer. */
export const jobIdIn = (location: string | null): string | undefined =>
  location === null ? undefined : /\/v1\/jobs\/([0-9a-f-]{36})$/.exec(location)?.[1];

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const jsonOf = ({ body }: Answer): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
};

const isProblem = (value: unknown): value is Problem =>
  isRecord(value) &&
  typeof value['code'] === 'string' &&
  typeof value['detail'] === 'string' &&
  typeof value['status'] === 'number' &&
  (value['retryAfterMs'] === undefined || typeof value['retryAfterMs'] === 'number');

const isTool = (value: unknown): value is ToolView =>
  isRecord(value) && typeof value['name'] === 'string' && typeof value['version'] === 'number';

const isLetters = (value: unknown): value is DeadLettersView =>
  isRecord(value) &&
  Array.isArray(value['letters']) &&
  value['letters'].every((one) => isRecord(one) && typeof one['id'] === 'string') &&
  (value['next'] === null || typeof value['next'] === 'number');

const isStatus = (value: unknown): value is StatusView =>
  isRecord(value) && isRecord(value['ledger']) && isRecord(value['workers']) && isRecord(value['jobs']);
