import { describe, expect, it } from 'vitest';
import * as limits from './limits.js';
import { addRoom, fits, NO_ROOM, subtractRoom } from './room.js';
import { EXIT, PROBLEMS } from './errors.js';

/** What NATS takes as one message where nobody says otherwise. */
const NATS_PAYLOAD_MAX = 1024 * 1024;

describe('limits', () => {
  it('are whole numbers above 0', () => {
    for (const [name, value] of Object.entries(limits))
      expect(Number.isSafeInteger(value) && value > 0, name).toBe(true);
  });

  it('let a job, a commit and a run message through NATS', () => {
    expect(limits.COMMIT_BYTES_MAX).toBeLessThanOrEqual(NATS_PAYLOAD_MAX / 2);
    const inlineOutcome = limits.INLINE_OUTCOME_BYTES_MAX + limits.INLINE_FILES_BYTES_MAX;
    expect(limits.INLINE_ARGUMENTS_BYTES_MAX + inlineOutcome).toBeLessThan(limits.COMMIT_BYTES_MAX);
    expect(inlineOutcome + limits.RESULT_BYTES_MAX).toBeLessThan(limits.RUN_BYTES_MAX);
    // Around its payload a job of the older form takes some 600 bytes, and of an end some 300.
    expect(limits.RUN_BYTES_MAX + limits.RUN_BATCH_MAX * 2_048).toBeLessThan(NATS_PAYLOAD_MAX);
    expect(2 * limits.INLINE_OUTCOME_BYTES_MAX).toBeLessThan(limits.RUN_BYTES_MAX);
  });

  it('let what is accepted through to the tool and back', () => {
    expect(limits.BODY_BYTES_MAX).toBeLessThan(limits.FRAME_BYTES_MAX);
    expect(limits.RESULT_BYTES_MAX).toBeLessThan(limits.FRAME_BYTES_MAX);
    expect(limits.INLINE_ARGUMENTS_BYTES_MAX).toBeLessThan(limits.BODY_BYTES_MAX);
    expect(limits.OUTPUT_BYTES_DEFAULT).toBeLessThanOrEqual(limits.OUTPUT_BYTES_MAX);
    expect(limits.ATTEMPTS_DEFAULT).toBeLessThanOrEqual(limits.ATTEMPTS_MAX);
  });
});

describe('collected files', () => {
  it('can all be listed, however their names are written as JSON', () => {
    const listed =
      (limits.COLLECT_FILES_MAX + limits.COLLECT_SKIPPED_MAX) * (6 * limits.FILE_PATH_BYTES_MAX + 256);
    expect(listed).toBeLessThan(limits.COLLECT_LIST_BYTES_MAX);
    // As JSON a byte of a path may be six.
    const asked = limits.COLLECT_PATHS_MAX * (6 * limits.COLLECT_PATH_BYTES_MAX + 3);
    expect(asked + limits.BODY_BYTES_MAX).toBeLessThan(limits.FRAME_BYTES_MAX);
  });
});

describe('room', () => {
  it('fits in every dimension or not at all, and adds up', () => {
    const need = { cpuMilli: 2, memoryMiB: 3 };
    expect(fits(need, need)).toBe(true);
    expect(fits(need, { cpuMilli: 1, memoryMiB: 9 })).toBe(false);
    expect(fits(need, { cpuMilli: 9, memoryMiB: 2 })).toBe(false);
    expect(subtractRoom(addRoom(NO_ROOM, need), need)).toEqual(NO_ROOM);
  });
});

describe('problems', () => {
  it('have an error status, a title, and an exit code that is not success', () => {
    for (const [code, { status, title, exit }] of Object.entries(PROBLEMS)) {
      expect(code).toMatch(/^[a-z_]+$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title).not.toBe('');
      expect(exit).not.toBe(EXIT.ok);
    }
  });
});
