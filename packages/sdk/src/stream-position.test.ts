import type { JobStreamEvent } from '@zerofleet/protocol';
import { chunkOf } from '@zerofleet/protocol';
import { describe, expect, it } from 'vitest';
import { StreamPosition } from './stream-position.js';
import { jobView } from './scripted-server.test.helper.js';

const output = (attempt: number, offset: number, text: string): JobStreamEvent => ({
  type: 'output',
  attempt,
  chunk: chunkOf(offset, 'stdout', Buffer.from(text)),
});

const started = (attempt = 1): StreamPosition => {
  const position = StreamPosition.at(undefined) as StreamPosition;
  position.advance({ type: 'attempt', attempt });
  return position;
};

describe('StreamPosition', () => {
  it('begins without an id and follows the output', () => {
    const position = started();
    position.advance(output(1, 0, 'hello'));
    expect(position.lastEventId).toBe('1:5');
    expect(StreamPosition.at(undefined)?.lastEventId).toBeUndefined();
  });

  it('refuses what is no event id', () => {
    expect(StreamPosition.at('1')).toBeUndefined();
    expect(StreamPosition.at('2:17')?.lastEventId).toBe('2:17');
  });

  it('cuts off what came already and drops what came whole', () => {
    const position = started();
    position.advance(output(1, 0, 'hello'));
    expect(position.advance(output(1, 0, 'hello'))).toEqual({ kind: 'tell', event: undefined });
    expect(position.advance(output(1, 3, 'lo wörld'))).toEqual({
      kind: 'tell',
      event: output(1, 5, ' wörld'),
    });
  });

  it('reports a hole instead of stepping over it', () => {
    const position = started();
    expect(position.advance(output(1, 1, 'x')).kind).toBe('hole');
    expect(position.advance(output(2, 0, 'x')).kind).toBe('hole');
    expect(position.lastEventId).toBe('1:0');
  });

  it('begins again at 0 with a new attempt and drops what an old one sends late', () => {
    const position = started();
    position.advance(output(1, 0, 'old'));
    expect(position.advance({ type: 'attempt', attempt: 2 })).toMatchObject({ event: { attempt: 2 } });
    expect(position.advance(output(1, 3, 'late'))).toEqual({ kind: 'tell', event: undefined });
    expect(position.advance(output(2, 0, 'new'))).toMatchObject({ event: { attempt: 2 } });
  });

  it('tells a state, an attempt and a truncation once', () => {
    const position = started();
    position.advance(output(1, 0, 'abc'));
    const truncated: JobStreamEvent = { type: 'truncated', attempt: 1, bytes: 3 };
    const state: JobStreamEvent = { type: 'state', job: jobView('running') };
    for (const event of [truncated, state]) {
      expect(position.advance(event)).toEqual({ kind: 'tell', event });
      expect(position.advance(event)).toEqual({ kind: 'tell', event: undefined });
    }
    expect(position.advance({ type: 'attempt', attempt: 1 })).toEqual({ kind: 'tell', event: undefined });
  });

  it('takes a truncation before its bytes for a hole', () => {
    expect(started().advance({ type: 'truncated', attempt: 1, bytes: 3 }).kind).toBe('hole');
  });
});
