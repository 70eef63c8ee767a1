/**
 * Every refusal that a person can meet, in one table: stable code → HTTP status, title and CLI exit code.
 * Codes are API: they are added, never renamed.
 */

/** CLI exit codes; docs/cli.md repeats them for readers. */
export const EXIT = {
  ok: 0,
  /** The job ended, but not well. */
  jobFailed: 1,
  /** The call itself was wrong: arguments, config, schema. */
  usage: 2,
  /** The fleet could not be reached or could not take the call now; the same call may work later. */
  unavailable: 3,
  /** The key was refused. */
  unauthorized: 4,
  /** No such thing, or not yours. */
  notFound: 5,
  /** The job was cancelled. */
  cancelled: 6,
  /** The job ran into its time limit. */
  timedOut: 7,
  /** The job was not started by its deadline. */
  expired: 8,
  /** A bug or broken environment. */
  internal: 70,
} as const;

interface ProblemSpec {
  readonly status: number;
  readonly title: string;
  readonly exit: number;
}

export const PROBLEMS = {
  malformed_json: { status: 400, title: 'The body is not valid JSON', exit: EXIT.usage },
  invalid_request: { status: 400, title: 'The request does not fit its schema', exit: EXIT.usage },
  invalid_arguments: { status: 422, title: "The arguments do not fit the tool's schema", exit: EXIT.usage },
  unknown_tool: { status: 422, title: 'No such tool', exit: EXIT.usage },
  unsupported_media_type: { status: 415, title: 'The body must be application/json', exit: EXIT.usage },
  body_too_large: { status: 413, title: 'The body is over the limit', exit: EXIT.usage },
  unauthorized: { status: 401, title: 'The API key is missing or not known', exit: EXIT.unauthorized },
  forbidden: { status: 403, title: 'The key may not do this', exit: EXIT.unauthorized },
  class_over_ceiling: {
    status: 422,
    title: "The class is above the tenant's highest",
    exit: EXIT.usage,
  },
  runtime_over_quota: { status: 422, title: 'The time limit is over the quota', exit: EXIT.usage },
  payload_over_quota: { status: 413, title: 'The payload is over the quota', exit: EXIT.usage },
  unknown_secret: { status: 422, title: 'No such secret', exit: EXIT.usage },
  conflict: { status: 409, title: 'It was changed at the same time', exit: EXIT.unavailable },
  too_many: { status: 409, title: 'There are as many as there may be', exit: EXIT.usage },
  rate_limited: { status: 429, title: 'Jobs are submitted too fast', exit: EXIT.unavailable },
  quota_queued: { status: 429, title: 'As many jobs wait as may', exit: EXIT.unavailable },
  quota_sessions: { status: 429, title: 'As many sessions are open as may be', exit: EXIT.unavailable },
  quota_stored: { status: 429, title: 'As many bytes are stored as may be', exit: EXIT.unavailable },
  controls_unavailable: {
    status: 503,
    title: 'Tenants and settings cannot be read or written',
    exit: EXIT.unavailable,
  },
  secrets_off: { status: 503, title: 'The fleet keeps no secrets', exit: EXIT.unavailable },
  not_found: { status: 404, title: 'No such thing', exit: EXIT.notFound },
  idempotency_conflict: {
    status: 409,
    title: 'The idempotency key was used with another body',
    exit: EXIT.usage,
  },
  not_final: { status: 409, title: 'The job is not final yet', exit: EXIT.unavailable },
  index_rebuilding: {
    status: 503,
    title: 'The index of finished jobs is being rebuilt',
    exit: EXIT.unavailable,
  },
  upgrading: { status: 503, title: 'The fleet is between two releases', exit: EXIT.unavailable },
  blobs_full: { status: 503, title: 'The blob store is full', exit: EXIT.unavailable },
  queue_full: { status: 503, title: 'The queue is full', exit: EXIT.unavailable },
  ledger_full: { status: 503, title: 'The ledger is full', exit: EXIT.unavailable },
  ledger_unavailable: { status: 503, title: 'The ledger cannot be reached', exit: EXIT.unavailable },
  acceptance_unknown: {
    status: 504,
    title: 'The job may or may not have been accepted',
    exit: EXIT.unavailable,
  },
  no_leader: { status: 503, title: 'No coordinator leads at the moment', exit: EXIT.unavailable },
  outcome_unavailable: {
    status: 503,
    title: 'The outcome cannot be read at the moment',
    exit: EXIT.unavailable,
  },
  workers_unheard: {
    status: 503,
    title: 'This coordinator does not hear the workers yet',
    exit: EXIT.unavailable,
  },
  too_many_waiters: { status: 503, title: 'Too many open waits and streams', exit: EXIT.unavailable },
  internal: { status: 500, title: 'Something broke on our side', exit: EXIT.internal },
} as const satisfies Record<string, ProblemSpec>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A refusal as a value: what was wrong, where, and when to come back. */
export interface Refusal {
  readonly code: ProblemCode;
  /** One sentence for people: what was wrong and what to do. */
  readonly detail: string;
  /** When a repeat may work. */
  readonly retryAfterMs?: number;
  /** Where in the request it was wrong, for schema errors. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}
