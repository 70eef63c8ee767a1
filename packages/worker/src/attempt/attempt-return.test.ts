/** When an attempt gives its container back, with a runner and a clock that the test plays. */
import { describe, expect, it } from 'vitest';
import { FRAME } from '@zerofleet/protocol';
import { settled } from '../pool/hand-clock.test.helper.js';
import { ACK, HELLO, resultWith, STARTED } from '../runner/scripted-runner.test.helper.js';
import { playedAttempt } from './played-attempt.test.helper.js';

const ended = async () => {
  const played = playedAttempt();
  const end = played.attempt.run();
  for (const frames of [[HELLO], [ACK], [STARTED, resultWith({})]]) {
    await settled();
    played.runner.say(...frames);
  }
  await end;
  const resets = (): number => played.runner.types.filter((type) => type === FRAME.RESET).length;
  return { ...played, resets };
};

describe('a container', () => {
  it('is wiped when the leader was told of the end, and once', async () => {
    const { attempt, clock, resets } = await ended();
    await clock.pass(5);
    expect(resets()).toBe(0);
    attempt.told();
    expect(resets()).toBe(1);
    attempt.told();
    await clock.pass(1_000);
    expect(resets()).toBe(1);
  });

  it('is wiped soon also when no leader hears of it', async () => {
    const { clock, resets } = await ended();
    await clock.pass(20);
    expect(resets()).toBe(1);
  });
});
