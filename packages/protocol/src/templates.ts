/** What many jobs of a message have in common stands in it once: its templates, and of each job the index of its own. */
import { headOf, type Decision, type JobHead, type JobTemplate } from '@zerofleet/model';

/** The templates of one message under way, in the order in which they were first named. */
export class TemplateTable {
  readonly list: JobTemplate[] = [];
  private readonly places = new Map<string, number[]>();

  /** The index of the job's template. Equal decisions that are not the same object may get a template each: harmless. */
  of(job: JobTemplate): number {
    const { tenant, tool, toolVersion, decision } = job;
    const name = `${tenant} ${tool} ${job.class}`;
    const places = this.places.get(name);
    const known = places?.find((place) => this.isAt(place, toolVersion, decision));
    if (known !== undefined) return known;
    const place = this.list.push({ tenant, tool, toolVersion, class: job.class, decision }) - 1;
    if (places === undefined) this.places.set(name, [place]);
    else places.push(place);
    return place;
  }

  private isAt(place: number, toolVersion: number, decision: Decision): boolean {
    const template = this.list[place];
    return template?.decision === decision && template.toolVersion === toolVersion;
  }
}

/** What of a job's head is its own. Absent extras are null. */
export type OwnHead = Omit<JobHead, keyof JobTemplate | 'extras'> & Partial<Pick<JobHead, 'extras'>>;

export const ownHeadOf = ({ id, timeoutMs, maxAttempts, acceptedAtMs, extras }: JobHead): OwnHead =>
  extras === null
    ? { id, timeoutMs, maxAttempts, acceptedAtMs }
    : { id, timeoutMs, maxAttempts, acceptedAtMs, extras };

export const joinHead = (own: OwnHead, template: JobTemplate): JobHead => {
  const { id, timeoutMs, maxAttempts, acceptedAtMs, extras } = own;
  return headOf({ id, template, timeoutMs, maxAttempts, acceptedAtMs, extras: extras ?? null });
};
