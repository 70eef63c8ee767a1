/** Base stock: how many containers outlast the jobs that come while one of them is replaced. */

/** Means above this are not told apart: stock is bounded far below. */
const MEAN_MAX = 500;

/**
 * The smallest stock, `most` at the most, that at least that many jobs find empty in a share of `missShare`: with `mean` jobs
 * on average in the time that a replacement takes, the smallest n with P(Poisson(mean) >= n) <= missShare.
 */
export const baseStock = (mean: number, missShare: number, most: number): number => {
  let term = Math.exp(-Math.min(mean, MEAN_MAX));
  let tail = 1;
  let n = 0;
  while (tail > missShare && n < most) {
    tail -= term;
    n += 1;
    term *= mean / n;
  }
  return n;
};
