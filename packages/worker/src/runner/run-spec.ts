/** What a job is to a runner: RUN and its files as frames. */
import type { InputFile } from '@zerofleet/model';
import {
  encodeFileFrame,
  encodeJsonFrame,
  FRAME,
  FRAMES_VERSION,
  PIECE_BYTES_MAX,
  type RunnerFeature,
} from '@zerofleet/protocol';
import type { Collect } from './file-intake.js';

/** What a RUN frame says. */
export interface RunSpec {
  readonly job: string;
  readonly attempt: number;
  readonly tool: string;
  readonly arguments: unknown;
  readonly files: readonly InputFile[];
  readonly limits: { readonly timeoutMs: number; readonly outputBytes: number; readonly resultBytes: number };
  /** A call of a session: after its end `keep` is possible. */
  readonly session?: boolean;
  /** Files that the job leaves and that are wanted. */
  readonly collect?: Collect;
  /** Whether the job may ask for tunnels. */
  readonly egress?: boolean;
}

/** What the runner must know to take this. */
export const featuresOf = (spec: RunSpec): RunnerFeature[] => [
  ...(spec.session === true ? (['session'] as const) : []),
  ...(spec.collect === undefined ? [] : (['files-out'] as const)),
  ...(spec.egress === true ? (['egress'] as const) : []),
];

/** RUN and FILE_IN frames, in order. */
export const framesOf = (spec: RunSpec, nonce: string): Buffer[] => {
  const { job, attempt, tool, files, collect } = spec;
  const run = {
    v: FRAMES_VERSION,
    nonce,
    job,
    attempt,
    tool,
    limits: {
      ...spec.limits,
      ...(collect === undefined ? {} : { filesBytes: collect.bytesMax, filesCount: collect.countMax }),
    },
    env: {},
    ...(spec.session === true ? { session: true } : {}),
    ...(collect === undefined ? {} : { collect: collect.paths }),
    ...(spec.egress === true ? { egress: true } : {}),
    arguments: spec.arguments,
    fileCount: files.length,
  };
  return [encodeJsonFrame(FRAME.RUN, run), ...files.flatMap(filePieces)];
};

const filePieces = ({ path, encoding, data }: InputFile): Buffer[] => {
  const bytes = Buffer.from(data, encoding);
  const frames: Buffer[] = [];
  for (let from = 0; from === 0 || from < bytes.byteLength; from += PIECE_BYTES_MAX) {
    const end = from + PIECE_BYTES_MAX;
    frames.push(encodeFileFrame(path, bytes.subarray(from, end), end >= bytes.byteLength));
  }
  return frames;
};
