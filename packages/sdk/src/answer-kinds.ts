/** Tells answers from anything else by the members that their readers rely on. Members of newer releases pass. */
import { isRecord } from './answers.js';

/** Whether a value is what is looked for. */
export type Fits = (value: unknown) => boolean;

/** An answer of one kind: its name in words, and what is one. */
export interface AnswerKind<T> {
  /** `keys`, as in "its body is not keys". */
  readonly what: string;
  readonly is: (value: unknown) => value is T;
}

/** Answers of which `fits` is true. */
export const kind = <T>(what: string, fits: Fits): AnswerKind<T> => ({
  what,
  is: (value): value is T => fits(value),
});

export const isText: Fits = (value) => typeof value === 'string';
export const isNumber: Fits = (value) => typeof value === 'number';
export const isFlag: Fits = (value) => typeof value === 'boolean';
export const orNull =
  (fits: Fits): Fits =>
  (value) =>
    value === null || fits(value);
export const listOf =
  (fits: Fits): Fits =>
  (value) =>
    Array.isArray(value) && value.every(fits);
/** An object that has these, and may have more. */
export const withMembers =
  (members: Readonly<Record<string, Fits>>): Fits =>
  (value) =>
    isRecord(value) && Object.entries(members).every(([name, fits]) => fits(value[name]));
