/**
 * Hides secrets in what a tool writes: each occurrence, in any of the forms it is likely to take, becomes `***`.
 *
 * M1  Nothing is shown that belongs to an occurrence, wherever the stream is cut: what may be the beginning of one waits for
 *     what follows it, and no more than that.
 * M2  Occurrences that overlap are hidden as one.
 * M3  What holds no occurrence passes unchanged.
 * M4  Of output that was cut off nothing is shown that may be the beginning of an occurrence: the rest was dropped elsewhere.
 *
 * A text that becomes a secret only by the stars in it is shown: nothing of the secret was written there.
 */
import type { JsonValue } from '@zerofleet/model';
import { Matcher, ROOT } from './matcher.js';
import { formsOf } from './secret-forms.js';

const STARS = Buffer.from('***');
const NOTHING = Buffer.alloc(0);

interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is looked for: one for all the streams of an attempt. */
export class SecretForms {
  readonly patterns: readonly Buffer[];
  readonly matcher: Matcher;

  constructor(values: readonly string[]) {
    const forms = new Set(values.flatMap(formsOf));
    this.patterns = [...forms].map((form) => Buffer.from(form, 'utf8'));
    this.matcher = new Matcher(this.patterns);
  }

  /** `text` with every occurrence hidden; `isCut` where its end was dropped (M4). */
  hide(text: string, isCut = false): string {
    const mask = new Mask(this);
    const bytes = Buffer.from(text, 'utf8');
    const shown = Buffer.concat([mask.push(bytes), mask.end(isCut)]);
    return shown.equals(bytes) ? text : shown.toString('utf8');
  }

  /** `value` with every occurrence hidden in its texts, numbers and names; all of it where one lies across several of them. */
  hideIn(value: JsonValue): JsonValue {
    try {
      const hidden = this.hideInside(value);
      const text = JSON.stringify(hidden);
      return this.hide(text) === text ? hidden : STARS.toString();
    } catch (error) {
      // Nested too deep to be looked through.
      if (error instanceof RangeError) return STARS.toString();
      throw error;
    }
  }

  private hideInside(value: JsonValue): JsonValue {
    if (typeof value === 'string') return this.hide(value);
    if (typeof value === 'number') {
      const text = String(value);
      return this.hide(text) === text ? value : this.hide(text);
    }
    if (Array.isArray(value)) return value.map((inner) => this.hideInside(inner as JsonValue));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [this.hide(name), this.hideInside(inner)]),
    );
  }
}

/** One stream on its way to be shown. Places in it are counted in bytes from its beginning. */
export class Mask {
  private readonly matcher: Matcher;
  private state = ROOT;
  private came = 0;
  /** All before this was shown or hidden; from here on the state has it. */
  private done = 0;
  /** Up to here stars that were shown stand for the text. */
  private starsTo = 0;
  /** Occurrences of which nothing was shown yet, in order, those that overlap as one (M2). */
  private readonly spans: Span[] = [];

  constructor({ matcher }: SecretForms) {
    this.matcher = matcher;
  }

  /** What may be shown now that `bytes` came (M1). */
  push(bytes: Buffer): Buffer {
    const waiting = this.matcher.bytesOf(this.state);
    const before = this.came;
    this.state = this.matcher.read(this.state, bytes, (end, length) =>
      this.add({ from: before + end - length, to: before + end }),
    );
    this.came += bytes.byteLength;
    return this.show(waiting, bytes, this.came - this.matcher.depthOf(this.state));
  }

  /** The rest, once nothing more comes; `isCut` where more was written than came (M4). */
  end(isCut = false): Buffer {
    const waiting = this.matcher.bytesOf(this.state);
    if (isCut && waiting.byteLength > 0) this.add({ from: this.done, to: this.came });
    this.state = ROOT;
    return this.show(waiting, NOTHING, this.came);
  }

  /** Spans come in the order of their ends. */
  private add({ from, to }: Span): void {
    let first = from;
    for (let last = this.spans.at(-1); last !== undefined && last.to > from; last = this.spans.at(-1)) {
      first = Math.min(first, last.from);
      this.spans.pop();
    }
    this.spans.push({ from: first, to });
  }

  /** Shows the text up to `to`; it begins at `done` with `waiting`, then come `bytes`. */
  private show(waiting: Buffer, bytes: Buffer, to: number): Buffer {
    const shown: Buffer[] = [];
    const begin = this.done;
    const edge = begin + waiting.byteLength;
    const copy = (from: number, until: number): void => {
      if (from < Math.min(until, edge))
        shown.push(waiting.subarray(from - begin, Math.min(until, edge) - begin));
      if (Math.max(from, edge) < until) shown.push(bytes.subarray(Math.max(from, edge) - edge, until - edge));
    };
    let begun = 0;
    for (const span of this.spans) {
      if (span.from >= to) break;
      begun += 1;
      // One that overlaps those whose stars were shown lengthens them.
      if (span.from >= this.starsTo) {
        copy(Math.max(begin, this.starsTo), span.from);
        shown.push(STARS);
      }
      this.starsTo = Math.max(this.starsTo, span.to);
    }
    this.spans.splice(0, begun);
    copy(Math.max(begin, this.starsTo), to);
    this.done = to;
    return shown.length === 1 ? (shown[0] as Buffer) : Buffer.concat(shown);
  }
}
