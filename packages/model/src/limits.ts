/**
 * Every limit that has one value everywhere, by name (I12). What ops may tune is in an app's config.ts instead;
 * relations between limits are checked by limits.test.ts.
 */

/** Events in one group commit, at most: 256 jobs that start as they are accepted. */
export const COMMIT_EVENTS_MAX = 512;
/** Bytes of one group commit, at most (NATS refuses payloads above 1 MiB by default). */
export const COMMIT_BYTES_MAX = 512 * 1024;
/** Arguments and input files above this go to a blob before acceptance. */
export const INLINE_ARGUMENTS_BYTES_MAX = 16 * 1024;
/** A result and its output above this go to a blob before the worker says `done`. */
export const INLINE_OUTCOME_BYTES_MAX = 16 * 1024;
/** How deep arguments may be nested. */
export const ARGUMENTS_DEPTH_MAX = 200;
/** An HTTP body, at most. */
export const BODY_BYTES_MAX = 512 * 1024;
/** Input files of a job, at most. */
export const INPUT_FILES_MAX = 32;
/** A runner frame's payload, at most: a longer length prefix is a protocol breach. */
export const FRAME_BYTES_MAX = 1024 * 1024;
/** Output kept of one attempt where its tool says nothing else. */
export const OUTPUT_BYTES_DEFAULT = 4 * 1024 * 1024;
/** Output that a tool definition may ask to keep. */
export const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** A tool's structured result, as JSON. */
export const RESULT_BYTES_MAX = 256 * 1024;
/** Hosts that a tool definition may list. */
export const EGRESS_HOSTS_MAX = 64;
/** Paths that a job may ask to collect, and one of them, in bytes. */
export const COLLECT_PATHS_MAX = 64;
export const COLLECT_PATH_BYTES_MAX = 512;
/** Files collected of one attempt, and their bytes together. */
export const COLLECT_FILES_MAX = 1_000;
export const COLLECT_BYTES_MAX = 64 * 1024 * 1024;
/** What was asked for and is not among them, as far as it is listed. */
export const COLLECT_SKIPPED_MAX = 100;
/** The list of them all as JSON, in bytes. */
export const COLLECT_LIST_BYTES_MAX = 8 * 1024 * 1024;
/** A path of theirs, in bytes. */
export const FILE_PATH_BYTES_MAX = 1_024;
/** Such a list above this goes to a blob before the worker says `done`. */
export const INLINE_FILES_BYTES_MAX = 8 * 1024;
/** A long poll, at most. */
export const WAIT_MS_MAX = 60_000;
/** Attempts that a submission may ask for. */
export const ATTEMPTS_MAX = 10;
/** Attempts where the submission says nothing: the job survives the loss of two workers. */
export const ATTEMPTS_DEFAULT = 3;
/** Jobs in one `run` message, and ends in one `done`. */
export const RUN_BATCH_MAX = 256;
/** Inline payloads in one `run` message, and ends in one `done`, in bytes; one that is larger goes alone. */
export const RUN_BYTES_MAX = 384 * 1024;
/** An Idempotency-Key, in characters. */
export const IDEMPOTENCY_KEY_MAX = 255;
/** How long an idempotency key names its job, in ms. */
export const IDEMPOTENCY_MS = 24 * 3_600_000;
/** How far ahead a job may be due, in ms. */
export const RUN_AHEAD_MS_MAX = 366 * 24 * 3_600_000;
/** A retry's pause, at most, in ms. */
export const RETRY_PAUSE_MS_MAX = 24 * 3_600_000;
/** API keys of one tenant, at most; and of the operators. */
export const KEYS_MAX = 64;
/** Secrets of one tenant, at most. */
export const SECRETS_MAX = 100;
/** A secret, in bytes: shorter ones cannot be told from other text when output is masked. */
export const SECRET_BYTES_MIN = 8;
export const SECRET_BYTES_MAX = 32 * 1024;
/** Secrets that one job may name. */
export const SECRETS_PER_JOB_MAX = 16;
/** Their values together, in bytes: what is looked for in a job's output costs memory and time before it starts. */
export const SECRET_BYTES_PER_JOB_MAX = 64 * 1024;
/** Schedules of one tenant, at most. */
export const SCHEDULES_MAX = 100;
/** Missed runs of a schedule that are made up for, at most; what is older is left out. */
export const CATCH_UP_MAX = 100;
/** A quota in jobs, sessions or seconds, at most. */
export const QUOTA_MAX = 10_000_000;
/** A quota in bytes, at most. */
export const QUOTA_BYTES_MAX = 2 ** 50;
