/**
 * Server-sent events from bytes that may be cut anywhere, as the HTML standard says, `retry:` apart.
 *
 * S1  Never holds more than one unfinished event, and no more of it than EVENT_CHARS_MAX.
 * S2  A comment is reported too: it is the server's sign of life.
 */

/** Characters of one event, at most; a state holds a result of 256 KiB, a chunk is far below. */
export const EVENT_CHARS_MAX = 8 * 1024 * 1024;

export type SseItem =
  | { readonly kind: 'event'; readonly event: string; readonly id: string | undefined; readonly data: string }
  | { readonly kind: 'comment' };

/** The event is over the limit; the parser is dead afterwards. */
export class SseOverflow extends Error {
  readonly code = 'sse_overflow';
}

export class SseParser {
  private readonly decoder = new TextDecoder();
  private line = '';
  /** Whether the last piece ended in CR: an LF that follows belongs to it. */
  private afterCr = false;
  private event = '';
  private id: string | undefined;
  private data: string[] = [];
  private size = 0;

  /** The events and comments that `bytes` completes. Throws SseOverflow. */
  push(bytes: Uint8Array): SseItem[] {
    let text = this.decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    if (this.afterCr && text.startsWith('\n')) text = text.slice(1);
    this.afterCr = text.endsWith('\r');
    const lines = (this.line + text).split(/\r\n|\n|\r/);
    this.line = lines.pop() ?? '';
    const items: SseItem[] = [];
    for (const line of lines) {
      const item = this.take(line);
      if (item !== undefined) items.push(item);
    }
    if (this.size + this.line.length > EVENT_CHARS_MAX) throw new SseOverflow('an event is over the limit');
    return items;
  }

  private take(line: string): SseItem | undefined {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return { kind: 'comment' };
    this.size += line.length;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.startsWith(' ', colon + 1) ? colon + 2 : colon + 1);
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    return undefined;
  }

  private dispatch(): SseItem | undefined {
    const { event, id, data } = this;
    this.event = '';
    this.id = undefined;
    this.data = [];
    this.size = 0;
    if (data.length === 0) return undefined;
    return { kind: 'event', event: event === '' ? 'message' : event, id, data: data.join('\n') };
  }
}
