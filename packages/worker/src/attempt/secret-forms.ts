/**
 * The forms of a secret that are looked for in what a tool writes: what common programs make of a text, none of them shorter
 * than SECRET_BYTES_MIN.
 */
import { SECRET_BYTES_MIN } from '@zerofleet/model';

/** Each form of `value` once. */
export const formsOf = (value: string): readonly string[] => {
  // A line break at the end is mostly not part of it: tools drop it, and what it is without is part of all its forms.
  const core = isLongEnough(value.trim()) ? value.trim() : value;
  const bytes = Buffer.from(core, 'utf8');
  const hex = bytes.toString('hex');
  const forms = [
    core,
    ...jsonForms(core),
    ...reprForms(core),
    ...percentForms(bytes),
    ...base64Forms(bytes),
    hex,
    hex.toUpperCase(),
    ...linesOf(core).flatMap((line) => [line, ...jsonForms(line)]),
  ];
  return [...new Set(forms)].filter(isLongEnough);
};

const isLongEnough = (text: string): boolean => Buffer.byteLength(text) >= SECRET_BYTES_MIN;

const linesOf = (value: string): readonly string[] => value.split(/[\r\n]+/).map((line) => line.trim());

/** As text in JSON: as JavaScript, Python, Go and PHP write it. */
const jsonForms = (value: string): readonly string[] => {
  const plain = JSON.stringify(value).slice(1, -1);
  const ascii = plain.replace(/[\u007f-\uffff]/g, escaped);
  const html = plain.replace(/[<>&\u2028\u2029]/g, escaped);
  return [plain, ascii, html, ascii.replaceAll('/', '\\/')];
};

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** As a literal of Python: of a text, with either quote around it, and of its bytes. */
const reprForms = (value: string): readonly string[] => {
  const text = value.replace(/[\\\n\r\t]/g, (char) => JSON.stringify(char).slice(1, -1));
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return [text, bytes.replace(/[\x80-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)].flatMap(
    (form) => [form, form.replaceAll("'", "\\'")],
  );
};

/** What encoders leave as it is besides letters and digits, and how they write a space. */
const PERCENT_STYLES = [
  // RFC 3986, curl, jq; encodeURIComponent; Python's quote and quote_plus; URLSearchParams.
  { kept: '-._~', space: '%20' },
  { kept: "-._~!*'()", space: '%20' },
  { kept: '-._~/', space: '%20' },
  { kept: '-._~', space: '+' },
  { kept: '-._*', space: '+' },
] as const;

const percentForms = (bytes: Buffer): readonly string[] => {
  const forms = PERCENT_STYLES.map(({ kept, space }) => {
    const coded = Array.from({ length: 256 }, (_, byte) => {
      const char = String.fromCharCode(byte);
      if (/[A-Za-z0-9]/.test(char) || kept.includes(char)) return char;
      return char === ' ' ? space : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    });
    return Array.from(bytes, (byte) => coded[byte]).join('');
  });
  const [strict = ''] = forms;
  return [...forms, strict.replace(/%../g, (code) => code.toLowerCase())];
};

/** Bytes and characters of a base64 group. */
const GROUP_BYTES = 3;
const CHAR_BITS = 6;
/** Columns where common programs break base64: `base64` and MIME, and PEM. */
const WRAPPED_AT = [76, 64];

/** What of the value's base64 is the same whatever stands around it: for each place in a group, in both alphabets. */
const base64Forms = (bytes: Buffer): readonly string[] => {
  const [aligned = '', ...others] = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const from = Math.ceil((before * 8) / CHAR_BITS);
    const isWhole = (before + bytes.byteLength) % GROUP_BYTES === 0;
    return text.slice(from, isWhole ? undefined : -1);
  });
  const whole = [aligned, ...others];
  const urls = whole.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [...whole, ...urls, ...WRAPPED_AT.flatMap((columns) => wrapped(aligned, columns))];
};

/** `text` in lines and each of them, where it is longer than one: the last may be too short to be told by itself. */
const wrapped = (text: string, columns: number): readonly string[] => {
  const lines = text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [];
  return lines.length > 1 ? [lines.join('\n'), ...lines] : [];
};
