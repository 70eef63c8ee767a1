/** The end of a job, and what it left behind. Exactly one is ever recorded for an accepted job (I1). */
import type { JsonValue } from './json.js';

/** Which of the job's two streams a piece of output came from. */
export type OutputStream = 'stdout' | 'stderr';

/**
 * A piece of output. `offset` counts the bytes of both streams of the attempt before it, so the pieces of an
 * attempt are in one total order; `encoding` is base64 only where the bytes are not valid UTF-8.
 */
export interface OutputChunk {
  readonly offset: number;
  readonly stream: OutputStream;
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

/** A content-named object in the blob store. */
export interface BlobRef {
  readonly sha256: string;
  readonly bytes: number;
}

/** The output of an attempt, whole: inline when small, else a blob that holds the chunks as JSON. */
export type OutputRecord = {
  /** Bytes kept, of both streams. */
  readonly bytes: number;
  /** Whether the tool wrote more than its output limit; `bytes` is then exactly that limit. */
  readonly truncated: boolean;
} & (
  | { readonly kind: 'inline'; readonly chunks: readonly OutputChunk[] }
  | { readonly kind: 'blob'; readonly blob: BlobRef }
);

/** A file that an attempt left and that was asked for. `path` is relative to the work directory and goes down only. */
export interface CollectedFile {
  readonly path: string;
  /** Its bytes, as they were: nothing is hidden in them. */
  readonly blob: BlobRef;
}

/** What was asked for and is not among the files. `why` is a word for programs, such as `missing` or `over_limit`. */
export interface SkippedFile {
  readonly path: string;
  readonly why: string;
}

/** What of an attempt's files was asked for, by path. */
export interface FileList {
  readonly files: readonly CollectedFile[];
  readonly skipped: readonly SkippedFile[];
  /** How many more were skipped and are not listed. */
  readonly skippedMore: number;
}

/** The files that an attempt left: the list inline when small, else a blob that holds it as JSON. */
export type FilesRecord = {
  readonly count: number;
  /** Of all files together. */
  readonly bytes: number;
  /** Whether there was more than the limits let through, or the end of the container came before all was there. */
  readonly truncated: boolean;
} & (({ readonly kind: 'inline' } & FileList) | { readonly kind: 'blob'; readonly blob: BlobRef });

/** What an attempt used. */
export interface Usage {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxRssKiB: number;
}

/**
 * What a call of a session found. `live`: the container that the call before left, with its shells. `files-restored`: the files
 * that were saved last, in another container. `fresh`: nothing.
 */
export type SessionState = 'live' | 'files-restored' | 'fresh';

/** What an attempt brought, however it ended. */
export interface AttemptReport {
  /** The tool's structured result; `null` when it made none. */
  readonly value: JsonValue;
  /** The exit code of the tool's process where it had one. */
  readonly exitCode: number | null;
  readonly usage: Usage;
  readonly output: OutputRecord;
  /** Where the job belongs to a session: what it found of it. */
  readonly session?: { readonly state: SessionState };
  /** Where files were asked for and the tool was called. */
  readonly files?: FilesRecord;
}

/** Why a tool's attempt failed, in a stable code and a sentence for people. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
}

/**
 * `tool_error`: the tool said no or left with a non-zero exit code. `killed`: a signal or the memory limit ended it.
 * `container_lost`: the container died under it. `start_failed`: no container could be had. `protocol`: the runner
 * broke the frame protocol. `worker_lost`: the worker died and no attempt is left.
 */
export type FailureCode =
  'tool_error' | 'killed' | 'container_lost' | 'start_failed' | 'protocol' | 'worker_lost';

export type Outcome =
  | { readonly kind: 'succeeded'; readonly report: AttemptReport }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly report: AttemptReport | null }
  | { readonly kind: 'timed_out'; readonly report: AttemptReport | null }
  /** Not started by its deadline. */
  | { readonly kind: 'expired'; readonly report: null }
  | { readonly kind: 'cancelled'; readonly report: AttemptReport | null };

export type OutcomeKind = Outcome['kind'];
