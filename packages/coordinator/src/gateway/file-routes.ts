/**
 * The files that a job left and was to collect, over HTTP: their list, and each of them.
 *
 * F1  A path is looked up in the list of the caller's own job and nowhere else; it is no path of this machine.
 * F2  No file is held whole: a piece is read when the one before it was taken, and who takes none for STALL_MS is cut off.
 * F3  The first piece is read before anything is answered, and the last is sent only once all are known to be right: what
 *     is whole on the wire is what the job wrote.
 * F4  Whatever the bytes are, no browser takes them for a page or a script of ours.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  parseJobId,
  type CollectedFile,
  type FileList,
  type FilesRecord,
  type Refusal,
} from '@zerofleet/model';
import { FINAL_STAGES, type FilesView } from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { JobSnapshot } from '../engine/ports.js';
import type { Access } from './access.js';
import { NO_SUCH_JOB, NOT_READABLE, notReadable, refuse, TOO_MANY_WAITERS } from './refusals.js';
import type { ShardAccess } from './shard-access.js';
import { reportOf, stageOf } from './views.js';

/** Downloads at once, at most. */
const DOWNLOADS_MAX = 100;
const STALL_MS = 30_000;

export interface FileRouteOptions {
  readonly shard: ShardAccess;
  readonly access: Access;
  readonly clock: Clock;
}

/** Adds the routes of collected files. */
export const addFileRoutes = (server: FastifyInstance, options: FileRouteOptions): void => {
  const routes = new FileRoutes(options);
  server.get('/v1/jobs/:id/files', (request, reply) => routes.list(request, reply));
  server.get('/v1/jobs/:id/files/*', (request, reply) => routes.download(request, reply));
};

const NOT_FINAL: Refusal = {
  code: 'not_final',
  detail: 'Its files are known once the job is final. GET /v1/jobs/ID?wait=30s waits for that.',
};
const NO_SUCH_FILE: Refusal = {
  code: 'not_found',
  detail: 'The job has no such file. GET /v1/jobs/ID/files lists those that it has.',
};

const NOTHING: FilesRecord & FileList = {
  ...{ kind: 'inline', count: 0, bytes: 0, truncated: false },
  ...{ files: [], skipped: [], skippedMore: 0 },
};

class FileRoutes {
  private readonly options: FileRouteOptions;
  private open = 0;

  constructor(options: FileRouteOptions) {
    this.options = options;
  }

  async list(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const found = await this.find(request);
    if ('code' in found) return refuse(reply, found);
    const { job, record } = found;
    const list = await this.listOf(record);
    if (list === undefined) return refuse(reply, NOT_READABLE);
    const { count, bytes, truncated } = record;
    return reply.send({
      ...{ id: job.envelope.id, count, bytes, truncated },
      files: list.files.map(({ path, blob }) => ({ path, ...blob })),
      ...{ skipped: list.skipped, skippedMore: list.skippedMore },
    } satisfies FilesView);
  }

  async download(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const found = await this.find(request);
    if ('code' in found) return refuse(reply, found);
    const list = await this.listOf(found.record);
    if (list === undefined) return refuse(reply, NOT_READABLE);
    const { '*': path } = request.params as { '*': string };
    const file = list.files.find((one) => one.path === path);
    if (file === undefined) return refuse(reply, whyNot(list, path));
    if (this.open >= DOWNLOADS_MAX) return refuse(reply, TOO_MANY_WAITERS);
    this.open += 1;
    try {
      return await this.send(request, reply, file);
    } catch {
      this.open -= 1;
      return refuse(reply, NOT_READABLE);
    }
  }

  /** A final job of the caller's, and what is known of its files. */
  private async find(
    request: FastifyRequest,
  ): Promise<{ readonly job: JobSnapshot; readonly record: FilesRecord } | Refusal> {
    const id = parseJobId((request.params as { id: string }).id);
    if (id === undefined) return NO_SUCH_JOB;
    const found = await this.options.shard.find(request.tenant, id);
    if (found.kind === 'unavailable') return notReadable(found.why);
    if (found.kind === 'unknown') return NO_SUCH_JOB;
    const { job } = found;
    if (!FINAL_STAGES.has(stageOf(job))) return NOT_FINAL;
    return { job, record: reportOf(job)?.files ?? NOTHING };
  }

  /** Undefined when it cannot be read. */
  private async listOf(record: FilesRecord): Promise<FileList | undefined> {
    if (record.kind === 'inline') return record;
    try {
      const bytes = await this.options.shard.blobs()?.get(record.blob);
      return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString('utf8')) as FileList);
    } catch {
      return undefined;
    }
  }

  /** Begins the answer; from then on what goes wrong cuts it off. Throws when the file cannot be read. */
  private async send(
    request: FastifyRequest,
    reply: FastifyReply,
    { path, blob }: CollectedFile,
  ): Promise<FastifyReply> {
    const { shard, access, clock } = this.options;
    const store = shard.blobs();
    if (store === undefined) throw new Error('the blob store cannot be reached');
    const headers = headersOf(path, blob);
    const pieces = store.read(blob)[Symbol.asyncIterator]();
    const first = await pieces.next();
    const stall = (): (() => void) => clock.after(STALL_MS, () => void stream.destroy());
    let cancel: () => void = () => undefined;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (let piece = first; piece.done !== true; piece = await pieces.next()) {
        cancel();
        cancel = stall();
        yield piece.value;
      }
    };
    const stream = Readable.from(body(), { highWaterMark: 1 });
    const unwatch = access.whileValid(request.caller, () => void stream.destroy());
    stream.once('close', () => {
      this.open -= 1;
      cancel();
      unwatch();
      void pieces.return?.();
    });
    return reply.headers(headers).send(stream);
  }
}

/** F4; the digest is that of RFC 9530. */
const headersOf = (path: string, { sha256, bytes }: CollectedFile['blob']): Record<string, string> => ({
  'content-type': 'application/octet-stream',
  'content-length': String(bytes),
  'content-disposition': dispositionOf(path),
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cache-control': 'no-store',
  'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
});

/** The file's own name, for those that read ASCII alone and for others (RFC 6266). */
const dispositionOf = (path: string): string => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
};

const whyNot = ({ skipped }: FileList, path: string): Refusal => {
  const one = skipped.find((skip) => skip.path === path);
  return one === undefined
    ? NO_SUCH_FILE
    : { code: 'not_found', detail: `The file was asked for and not kept: ${one.why}.` };
};
