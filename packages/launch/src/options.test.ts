import { describe, expect, it } from 'vitest';
import { parseStart } from './options.js';

describe('parseStart', () => {
  it('starts an embedded fleet that stays up by default', () => {
    expect(parseStart([])).toEqual({
      swarm: false,
      once: false,
      down: false,
      port: undefined,
      data: undefined,
      mode: undefined,
    });
  });

  it('takes every option', () => {
    expect(parseStart(['--once', '--port', '9000', '--data=/tmp/x'])).toMatchObject({
      once: true,
      port: 9000,
      data: '/tmp/x',
    });
    expect(parseStart(['--swarm', '--once'])).toMatchObject({ swarm: true, once: true });
    expect(parseStart(['--down'])).toMatchObject({ down: true });
  });

  it.each([
    [['--port', '0'], /--port must be a whole number/],
    [['--port', 'x'], /not 'x'/],
    [['--down', '--once'], /--down goes with nothing else/],
    [['--swarm', '--data', 'd'], /--data is for the embedded fleet/],
    [['--mode', 'magic'], /--mode must be one of warm, oneshot, process/],
    [['--wat'], /Unknown option '--wat'/],
    [['thing'], /thing/],
  ])('refuses %j in one line with the usage and exit code 2', (args, why) => {
    expect(() => parseStart(args)).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(() => parseStart(args)).toThrow(why);
    expect(() => parseStart(args)).toThrow(/^[^\n]*usage: npm start/);
  });
});
