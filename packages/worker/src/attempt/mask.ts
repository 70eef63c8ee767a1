/**
 * Hides secrets in what a tool writes: each occurrence, in any of the forms it is likely to take, becomes `***`.
 *
 * M1  Nothing is shown that belongs to an occurrence, wherever the stream is cut: what may be the beginning of one waits for
 *     what follows it, and no more than that.
 * M2  Occurrences that overlap are hidden as one.
 * M3  What holds no occurrence passes unchanged.
 */
import { SECRET_BYTES_MIN, type JsonValue } from '@zerofleet/model';

const STARS = Buffer.from('***');
const NOTHING = Buffer.alloc(0);

interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is looked for: one for all the streams of an attempt. */
export class SecretForms {
  readonly patterns: readonly Buffer[];

  constructor(values: readonly string[]) {
    const forms = new Set(values.flatMap(formsOf));
    this.patterns = [...forms].map((form) => Buffer.from(form, 'utf8'));
  }

  /** `text` with every occurrence hidden. */
  hide(text: string): string {
    const mask = new Mask(this);
    return Buffer.concat([mask.push(Buffer.from(text, 'utf8')), mask.end()]).toString('utf8');
  }

  /** `value` with every occurrence hidden in its texts, numbers and names. */
  hideIn(value: JsonValue): JsonValue {
    if (typeof value === 'string') return this.hide(value);
    if (typeof value === 'number') {
      const text = String(value);
      return this.hide(text) === text ? value : this.hide(text);
    }
    if (Array.isArray(value)) return value.map((inner) => this.hideIn(inner as JsonValue));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [this.hide(name), this.hideIn(inner)]),
    );
  }
}

/** One stream on its way to be shown. */
export class Mask {
  private readonly patterns: readonly Buffer[];
  private pending: Buffer = NOTHING;
  /** So many bytes at the beginning of `pending` belong to an occurrence whose stars were shown. */
  private hidden = 0;

  constructor({ patterns }: SecretForms) {
    this.patterns = patterns;
  }

  /** What may be shown now that `bytes` came (M1). */
  push(bytes: Buffer): Buffer {
    const all = this.pending.byteLength === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    return this.show(all, all.byteLength - this.waiting(all));
  }

  /** The rest, once nothing more comes. */
  end(): Buffer {
    return this.show(this.pending, this.pending.byteLength);
  }

  /** Shows `all` up to `cut`, and keeps the rest. */
  private show(all: Buffer, cut: number): Buffer {
    const shown: Buffer[] = [];
    let at = 0;
    let hiddenTo = this.hidden;
    for (const { from, to } of this.spansIn(all)) {
      if (from >= cut) break;
      // What stands before it, unless that belongs to the occurrence before.
      if (from > hiddenTo || (hiddenTo === 0 && this.hidden === 0)) {
        shown.push(all.subarray(Math.max(at, hiddenTo), from), STARS);
      }
      hiddenTo = Math.max(hiddenTo, to);
      at = to;
    }
    const rest = Math.max(at, hiddenTo);
    if (rest < cut) shown.push(all.subarray(rest, cut));
    this.hidden = Math.max(hiddenTo - cut, 0);
    this.pending = all.subarray(cut);
    return Buffer.concat(shown);
  }

  /** Every occurrence, those that overlap as one (M2), in order. */
  private spansIn(all: Buffer): Span[] {
    const found: Span[] = [];
    for (const pattern of this.patterns)
      for (let from = all.indexOf(pattern); from >= 0; from = all.indexOf(pattern, from + 1))
        found.push({ from, to: from + pattern.byteLength });
    found.sort((a, b) => a.from - b.from);
    const joined: Span[] = [];
    for (const span of found) {
      const last = joined.at(-1);
      if (last === undefined || span.from >= last.to) joined.push(span);
      else joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
    }
    return joined;
  }

  /** Bytes at the end of `all` that may begin an occurrence. */
  private waiting(all: Buffer): number {
    let most = 0;
    for (const pattern of this.patterns) {
      const longest = Math.min(pattern.byteLength - 1, all.byteLength);
      for (let length = longest; length > most; length -= 1)
        if (all.compare(pattern, 0, length, all.byteLength - length) === 0) {
          most = length;
          break;
        }
    }
    return most;
  }
}

/** The forms of a value that are looked for, each of SECRET_BYTES_MIN bytes at least. */
const formsOf = (value: string): string[] => {
  const bytes = Buffer.from(value, 'utf8');
  const hex = bytes.toString('hex');
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    hex,
    hex.toUpperCase(),
    ...base64Forms(bytes),
    ...value.split(/\r?\n/),
  ];
  return forms.filter((form) => Buffer.byteLength(form) >= SECRET_BYTES_MIN);
};

/** Bytes and characters of a base64 group. */
const GROUP_BYTES = 3;
const CHAR_BITS = 6;

/** What of the value's base64 is the same whatever stands around it: for each place in a group, in both alphabets. */
const base64Forms = (bytes: Buffer): string[] =>
  [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const from = Math.ceil((before * 8) / CHAR_BITS);
    const isWhole = (before + bytes.byteLength) % GROUP_BYTES === 0;
    const own = text.slice(from, isWhole ? undefined : -1);
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
