/** What is said of an attempt's start, with a runner and a clock that the test plays. */
import { expect, it } from 'vitest';
import { settled } from '../pool/hand-clock.test.helper.js';
import { ACK, HELLO, resultWith, STARTED } from '../runner/scripted-runner.test.helper.js';
import { playedAttempt } from './played-attempt.test.helper.js';

it('a start is timed from GO, its handover from the question for a container', async () => {
  const { attempt, clock, registry, runner } = playedAttempt();
  const ended = attempt.run();
  for (const [ms, frames] of [
    [200, [HELLO]],
    [20, [ACK]],
    [4, [STARTED, resultWith({})]],
  ] as const) {
    await settled();
    clock.now += ms;
    runner.say(...frames);
  }
  expect(await ended).toMatchObject({ kind: 'outcome', outcome: { kind: 'succeeded' } });
  const text = await registry.metrics();
  expect(text).toContain('zf_attempt_start_seconds_sum 0.004');
  expect(text).toContain('zf_attempt_handover_seconds_sum{how="cold"} 0.224');
});
