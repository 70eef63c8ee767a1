/**
 * How soon an idle container of a tenant is used again, by how long it has been idle: uses seen at that age for each second
 * that containers were idle at it. What was ended before it was used counts for the time that it was there, so ending
 * early does not make later uses look rare. Until something was seen: as often as it has been idle for.
 */

const MS_PER_S = 1_000;
/** Ages are told apart by their power of two, in seconds. */
const AGES = 16;
/** When so many uses were seen at an age, half of them are forgotten. */
const REMEMBERED = 64;

export class Reuse {
  private readonly uses = new Float64Array(AGES);
  private readonly seconds = new Float64Array(AGES);

  /** A container was idle for `idleMs`, and then used again or ended. */
  seen(idleMs: number, isUsed: boolean): void {
    const idleS = idleMs / MS_PER_S;
    const last = ageOf(idleS);
    for (let age = 0; age <= last; age += 1)
      this.add(age, isUsed && age === last ? 1 : 0, Math.min(idleS, startOf(age + 1)) - startOf(age));
  }

  /** Uses a second that one has to expect which has been idle for `idleMs`. */
  perS(idleMs: number): number {
    const age = ageOf(idleMs / MS_PER_S);
    return ((this.uses[age] ?? 0) + 1) / ((this.seconds[age] ?? 0) + startOf(age + 1));
  }

  private add(age: number, uses: number, seconds: number): void {
    this.uses[age] = (this.uses[age] ?? 0) + uses;
    this.seconds[age] = (this.seconds[age] ?? 0) + seconds;
    if ((this.uses[age] ?? 0) < REMEMBERED && (this.seconds[age] ?? 0) < REMEMBERED * startOf(age + 1))
      return;
    this.uses[age] = (this.uses[age] ?? 0) / 2;
    this.seconds[age] = (this.seconds[age] ?? 0) / 2;
  }
}

const ageOf = (idleS: number): number => Math.min(AGES - 1, Math.floor(Math.log2(1 + idleS)));
const startOf = (age: number): number => 2 ** age - 1;
