/** A tool definition: a named callable with a versioned argument schema, an image, limits and a reuse rule. */
import type { JsonObject } from './json.js';
import type { ToolName } from './ids.js';
import type { Room } from './room.js';

/** What a container of the tool gets. All of it is enforced by the engine, none by the tool. */
export interface Resources extends Room {
  readonly pids: number;
  /** Size of the work directory, a tmpfs. */
  readonly workMiB: number;
  /** Size of /tmp, a tmpfs. */
  readonly tmpMiB: number;
}

/** Containers of one pool key are interchangeable until a tenant claims one. */
export interface PoolSpec {
  /** Image reference, pinned by digest or image id where one is known. */
  readonly image: string;
  readonly resources: Resources;
  readonly runtime: 'runc' | 'runsc';
}

/** Hosts beyond the container, as `parseHostPattern` reads them. */
export interface Egress {
  readonly hosts: readonly string[];
}

/** Which of Agent Zero's tools a definition was written for, so that it shows when they are not the same any more. */
export interface Upstream {
  /** The release, and its commit. */
  readonly tag: string;
  readonly commit: string;
  /** The tool's name there, and which of its methods this is. */
  readonly tool: string;
  readonly method?: string;
  /** The file with its code, below the tree's root, and the SHA-256 of that. */
  readonly file: string;
  readonly sha256: string;
  /** What a model is told of it, in words, and the SHA-256 of that. */
  readonly prompt?: string;
  readonly promptSha256?: string;
}

export interface ToolDefinition {
  readonly name: ToolName;
  readonly version: number;
  readonly description: string;
  readonly adapter: 'native' | 'agent-zero';
  readonly pool: PoolSpec;
  readonly limits: {
    readonly timeoutMsDefault: number;
    readonly timeoutMsMax: number;
    readonly outputBytes: number;
  };
  /** `tenant`: the container may serve the same tenant again after a reset; `never`: one job, then it is destroyed. */
  readonly reuse: 'tenant' | 'never';
  /** What its jobs may reach through the worker; without it they have no network at all. */
  readonly egress?: Egress;
  /** Where the adapter `agent-zero` has it from. */
  readonly upstream?: Upstream;
  /** JSON Schema (draft 2020-12) of the arguments object. */
  readonly arguments: JsonObject;
}

/** The pool key of `spec`, as a string that is equal exactly when the specs are. */
export const poolKeyOf = (spec: PoolSpec): string => {
  const r = spec.resources;
  return `${spec.image}|${spec.runtime}|c${r.cpuMilli}|m${r.memoryMiB}|p${r.pids}|w${r.workMiB}|t${r.tmpMiB}`;
};
