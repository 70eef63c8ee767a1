/** Answers as tables for people. */
import type { JsonObject } from '@zerofleet/model';
import type { FilesView, JobView, StatusView, ToolView } from '@zerofleet/protocol';
import Table from 'cli-table3';
import { escaped, oneLine } from './terminal.js';

/** No colours: tables go into files and mails too. One line a row. */
const STYLE = { head: [], border: [], compact: true };

/** Two columns: what, and its value. Rows without a value are left out. */
export const facts = (rows: readonly (readonly [string, string | number | null])[]): string => {
  const table = new Table({ style: STYLE });
  for (const [name, value] of rows) if (value !== null) table.push([name, oneLine(String(value))]);
  return table.toString();
};

/** A table with a head, one line a row. */
export const rows = (head: readonly string[], lines: readonly (readonly string[])[]): string => {
  const table = new Table({ head: [...head], style: STYLE });
  for (const line of lines) table.push(line.map(oneLine));
  return table.toString();
};

/** A job as it stands, its output apart. */
export const jobTable = (job: JobView): string =>
  facts([
    ['id', job.id],
    ['tool', `${job.tool} (version ${job.toolVersion})`],
    ['class', job.class ?? null],
    ['session', job.session ?? null],
    ['session was', job.sessionState ?? null],
    ['schedule', job.schedule ?? null],
    ['stage', `${job.stage}${job.cancelRequested ? ' (cancel asked for)' : ''}`],
    ['attempt', `${job.attempt} of ${job.maxAttempts}`],
    ['accepted', job.acceptedAt],
    ['not before', job.runAt],
    ['deadline', job.deadlineAt],
    ['repeats', job.redriveOf],
    ['started', job.startedAt],
    ['finished', job.finishedAt],
    ['time limit', `${job.timeoutMs} ms`],
    ['exit code', job.exitCode],
    ['error', job.error === null ? null : `${job.error.code}: ${job.error.message}`],
    ['result', job.result === null ? null : JSON.stringify(job.result)],
    ['used', job.usage === null ? null : usage(job.usage)],
    [
      'output',
      job.output === null
        ? null
        : `${job.output.bytes} bytes${job.output.truncated ? ' (cut at the limit)' : ''}`,
    ],
    ['files', job.files === undefined || job.files === null ? null : countOf(job.files)],
  ]);

const countOf = ({ count, bytes, truncated }: NonNullable<JobView['files']>): string =>
  `${count} of ${bytes} bytes${truncated ? ' (not all: over the limits, or cut off)' : ''}`;

/** The files that a job left, and what was skipped. */
export const filesText = (view: FilesView): string => {
  const kept = rows(
    ['file', 'bytes', 'SHA-256'],
    view.files.map(({ path, bytes, sha256 }) => [escaped(path), String(bytes), sha256]),
  );
  const skipped = view.skipped.map(({ path, why }) => [escaped(path), why]);
  const more = view.skippedMore > 0 ? [[`and ${view.skippedMore} more`, '']] : [];
  const left = skipped.length + more.length === 0 ? [] : [rows(['not kept', 'why'], [...skipped, ...more])];
  return [
    kept,
    ...left,
    ...(view.truncated ? ['Not all is here: it is over the limits, or was cut off.'] : []),
  ].join('\n');
};

const usage = ({ wallMs, cpuMs, maxRssKiB }: NonNullable<JobView['usage']>): string =>
  `${Math.round(wallMs)} ms, ${Math.round(cpuMs)} ms of cpu, ${(maxRssKiB / 1024).toFixed(1)} MiB`;

/** Dead letters, one a row. */
export const lettersTable = (letters: readonly JobView[]): string => {
  const table = new Table({ head: ['id', 'tool', 'attempts', 'finished', 'error'], style: STYLE });
  for (const { id, tool, attempt, finishedAt, error } of letters)
    table.push([
      id,
      tool,
      attempt,
      finishedAt ?? '',
      oneLine(error === null ? '' : `${error.code}: ${error.message}`),
    ]);
  return table.toString();
};

/** All tools, one a row. */
export const toolsTable = (tools: readonly ToolView[]): string => {
  const table = new Table({
    head: ['tool', 'version', 'time limit', 'what it does'],
    style: STYLE,
    colWidths: [null, null, null, 60],
    wordWrap: true,
  });
  for (const { name, version, timeoutMsDefault, timeoutMsMax, description } of tools)
    table.push([
      name,
      version,
      `${timeoutMsDefault / 1000} s (at most ${timeoutMsMax / 1000} s)`,
      oneLine(description),
    ]);
  return table.toString();
};

/** One tool and the arguments it takes. */
export const toolTable = (tool: ToolView): string => {
  const about = facts([
    ['tool', `${tool.name} (version ${tool.version})`],
    ['what it does', tool.description],
    ['time limit', `${tool.timeoutMsDefault} ms, at most ${tool.timeoutMsMax} ms`],
    ['output kept', `${tool.outputBytes} bytes`],
  ]);
  return `${about}\narguments (JSON Schema):\n${JSON.stringify(tool.arguments satisfies JsonObject, null, 2)}`;
};

/** The fleet, and the caller's own jobs. */
export const statusTable = (status: StatusView): string =>
  facts([
    ['version', status.version],
    ['shard', `${status.shard}, epoch ${status.epoch}`],
    ['ledger', `${status.ledger.connected ? 'connected' : 'not connected'}, ${status.ledger.server}`],
    ['acceptance', status.ledger.syncedAcceptance ? 'on disk before it is answered' : 'NOT synced to disk'],
    ['ledger details', status.ledger.detail === '' ? null : status.ledger.detail],
    ['execution', status.executionMode],
    [
      'workers',
      `${status.workers.ready} ready, ${status.workers.draining} draining, ${status.workers.freeCpuMilli / 1000} cpus and ${status.workers.freeMemoryMiB} MiB free`,
    ],
    ['your jobs', `${status.jobs.queued} queued, ${status.jobs.running} running`],
  ]);
