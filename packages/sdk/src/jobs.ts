/**
 * What a finished job left besides its outcome: the files that it was to collect.
 *
 * D1  A download ends well only with all bytes of the file, and those that its digest names; else it throws, whatever came.
 * D2  It is not begun again once something of it was given: whoever reads it does that, or not.
 */
import { createHash } from 'node:crypto';
import type { FilesView } from '@zerofleet/protocol';
import { FILES } from './control-answers.js';
import type { Caller } from './caller.js';
import type { CallOptions } from './client.js';
import { throwIfAborted, type SdkClock } from './clock.js';
import { BadOptionError, DownloadBrokenError, UnexpectedAnswerError, wordsOf } from './errors.js';
import type { OpenStream } from './exchange.js';
import type { JsonCaller } from './json-caller.js';
import { step } from './path.js';

/** A file under way. `content` can be read once, and must be, or left by a `break`: until then its connection is open. */
export interface Download {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Throws DownloadBrokenError when the file does not come whole. */
  readonly content: AsyncIterable<Uint8Array>;
}

export class JobsClient {
  private readonly json: JsonCaller;
  private readonly caller: Caller;
  private readonly clock: SdkClock;
  private readonly requestMs: number;

  /** `requestMs`: how long nothing may come before a download is given up. */
  constructor(json: JsonCaller, caller: Caller, clock: SdkClock, requestMs: number) {
    this.json = json;
    this.caller = caller;
    this.clock = clock;
    this.requestMs = requestMs;
  }

  /** The files that a final job left, and what of those asked for was skipped. */
  async files(id: string, options: CallOptions = {}): Promise<FilesView> {
    return this.json.get(`${jobPath(id)}/files`, FILES, options);
  }

  /** One of them, by its path in the list. */
  async download(id: string, path: string, options: CallOptions = {}): Promise<Download> {
    const { signal, retryBudgetMs } = options;
    const { url, answer } = await this.caller.call(
      {
        ...{ method: 'GET', path: `${jobPath(id)}/files/${stepsOf(path)}`, repeat: 'free', stream: true },
        ...{ timeoutMs: this.requestMs, headers: { accept: '*/*', 'accept-encoding': 'identity' } },
        ...{ retryBudgetMs, signal },
      },
      this.caller.budget(retryBudgetMs),
    );
    if (answer.kind !== 'stream') throw new UnexpectedAnswerError(url, answer.status, 'its body is no file');
    const sha256 = digestIn(answer.headers.get('repr-digest'));
    const bytes = Number(answer.headers.get('content-length') ?? NaN);
    if (sha256 !== undefined && Number.isSafeInteger(bytes))
      return { path, bytes, sha256, content: this.contentOf(answer, { bytes, sha256 }, signal) };
    answer.close();
    throw new UnexpectedAnswerError(url, 200, 'its body is no file');
  }

  /** D1. */
  private async *contentOf(
    stream: OpenStream,
    { bytes, sha256 }: { readonly bytes: number; readonly sha256: string },
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let came = 0;
    let cancel = this.cutLate(stream);
    try {
      for await (const piece of stream.body) {
        cancel();
        hash.update(piece);
        came += piece.byteLength;
        yield piece;
        cancel = this.cutLate(stream);
      }
    } catch (cause) {
      throwIfAborted(signal);
      throw new DownloadBrokenError(wordsOf(cause), cause);
    } finally {
      cancel();
      stream.close();
    }
    if (came !== bytes) throw new DownloadBrokenError(`${came} of ${bytes} bytes came`, undefined);
    if (hash.digest('hex') !== sha256)
      throw new DownloadBrokenError('its bytes are not those of the file', undefined);
  }

  private cutLate(stream: OpenStream): () => void {
    return this.clock.after(this.requestMs, stream.close);
  }
}

const jobPath = (id: string): string => `/v1/jobs/${step(id)}`;

const stepsOf = (path: string): string => {
  const names = path.split('/');
  if (names.some((name) => ['', '.', '..'].includes(name)))
    throw new BadOptionError(`'${path}' cannot be the path of a file`);
  return names.map(encodeURIComponent).join('/');
};

/** The SHA-256 in a Repr-Digest header (RFC 9530), in hex. */
const digestIn = (header: string | null): string | undefined => {
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(header ?? '')?.[1];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex');
};
