import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_CHARS_MAX, SseOverflow, SseParser, type SseItem } from './sse-parser.js';

const parse = (pieces: readonly Uint8Array[]): SseItem[] => {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

const cutAt = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
  const marks = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return marks.slice(1).map((end, index) => bytes.subarray(marks[index], end));
};

describe('SseParser', () => {
  it('reads fields, several data lines, comments and a field without a value', () => {
    const text = ': hi\n\nevent: output\nid: 1:5\ndata: a\ndata:b\n\nevent: empty\n\ndata\n\n';
    expect(parse([Buffer.from(text)])).toEqual([
      { kind: 'comment' },
      { kind: 'event', event: 'output', id: '1:5', data: 'a\nb' },
      { kind: 'event', event: 'message', id: undefined, data: '' },
    ]);
  });

  it('does not hand out an event that was not ended', () => {
    expect(parse([Buffer.from('event: a\ndata: b\n')])).toEqual([]);
  });

  it('reads the same from any cut of the bytes, with any line ends', () => {
    const line = fc.constantFrom('\n', '\r\n', '\r');
    const event = fc.record({ data: fc.string({ unit: 'grapheme' }), end: line });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (events, cuts) => {
          const data = (text: string): string => text.replace(/[\r\n]/g, ' ');
          const bytes = Buffer.from(
            events.map((e) => `event: é${e.end}data: ${data(e.data)}${e.end}${e.end}`).join(''),
          );
          const inside = cuts.filter((cut) => cut < bytes.length);
          const wanted = events.map((e) => ({
            kind: 'event',
            event: 'é',
            id: undefined,
            data: data(e.data),
          }));
          expect(parse(cutAt(bytes, inside))).toEqual(wanted);
        },
      ),
    );
  });

  it('puts a character together that was cut in two', () => {
    const bytes = Buffer.from('data: 🚀\n\n');
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect(parse(cutAt(bytes, [cut]))).toEqual([
        { kind: 'event', event: 'message', id: undefined, data: '🚀' },
      ]);
  });

  it('refuses an event over the limit', () => {
    const parser = new SseParser();
    expect(() => parser.push(Buffer.alloc(EVENT_CHARS_MAX + 1, 'x'))).toThrow(SseOverflow);
  });
});
