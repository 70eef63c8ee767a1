/**
 * Branded ids and their parsers. A parser returns `undefined` for anything malformed; ids are also parts of
 * NATS subjects and file names, so none may hold dots, spaces, slashes or wildcards.
 */
import type { Brand } from './brand.js';

/** Who submits jobs: 1-63 characters of `a-z 0-9 -`, starting with a letter or digit. */
export type TenantId = Brand<string, 'TenantId'>;
/** A job's id: a UUIDv7 in lower case, minted by the gateway, so ids sort by acceptance time. */
export type JobId = Brand<string, 'JobId'>;
/** A tool's name: 1-64 characters of `a-z 0-9 _`, starting with a letter. */
export type ToolName = Brand<string, 'ToolName'>;
/** A worker's name, stable across its restarts: 1-63 characters of `a-z 0-9 -`. */
export type WorkerId = Brand<string, 'WorkerId'>;
/** One life of a worker process. A new boot id means that everything the old one ran is lost. */
export type BootId = Brand<string, 'BootId'>;
/** A scheduling domain: 1-16 characters of `a-z 0-9`. */
export type ShardId = Brand<string, 'ShardId'>;
/** What names a container at its engine: 12-64 hex characters, or a name the process engine made. */
export type ContainerId = Brand<string, 'ContainerId'>;
/** One reign of a leader, counted from 1. */
export type Epoch = number;
/** One execution of a job, counted from 1. (epoch, attempt) is the fencing token. */
export type Attempt = number;

const LABEL = /^[a-z0-9][a-z0-9-]{0,62}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TOOL = /^[a-z][a-z0-9_]{0,63}$/;
const SHARD = /^[a-z0-9]{1,16}$/;
const CONTAINER = /^[A-Za-z0-9][A-Za-z0-9_-]{5,63}$/;

const parser =
  <Id extends string>(pattern: RegExp) =>
  (text: string): Id | undefined =>
    pattern.test(text) ? (text as Id) : undefined;

export const parseTenantId = parser<TenantId>(LABEL);
export const parseJobId = parser<JobId>(UUID);
export const parseToolName = parser<ToolName>(TOOL);
export const parseWorkerId = parser<WorkerId>(LABEL);
export const parseBootId = parser<BootId>(UUID);
export const parseShardId = parser<ShardId>(SHARD);
export const parseContainerId = parser<ContainerId>(CONTAINER);
