/** How much of each case a run does. */
export interface Dose {
  readonly copies: number;
  readonly lazyCopies: number;
  readonly clusterCopies: number;
  readonly stepDowns: number;
}

const SMALL: Dose = { copies: 3, lazyCopies: 1, clusterCopies: 1, stepDowns: 3 };

/** The dose that a setting such as '10' asks for; the small one for none. Throws when it is no number. */
export const doseFor = (setting: string | undefined): Dose => {
  if (setting === undefined || setting === '') return SMALL;
  const copies = Number(setting);
  if (!Number.isInteger(copies) || copies < 1 || copies > 100)
    throw new Error(`ZF_POWERCUT_COPIES must be a number from 1 to 100, not '${setting}'`);
  return { copies, lazyCopies: 1, clusterCopies: copies, stepDowns: copies };
};
