/**
 * The users that jobs run as. The kernel counts much by user, whatever container its processes are in: watches, message queues,
 * timers, descriptors in flight, pipe buffers. With one user for all, a job that takes all of one leaves none to the others.
 *
 * J1  No two containers of this node have the same user at the same time, from before the one is made until it is removed.
 * J2  A user that was given back is given again as late as can be.
 */

/** The first user `tool` of tool images; images/tools/Dockerfile makes as many of them, of that name, in the same steps. */
const FIRST = 10_001;
/** The id behind each is that of the watcher in its container, which must not be a job's in another. */
const STEP = 2;
export const JOB_USERS = 512;

export class JobUsers {
  private readonly free = Array.from({ length: JOB_USERS }, (_, n) => FIRST + n * STEP);

  /** A user that nobody has; undefined while there is none. */
  take(): number | undefined {
    return this.free.shift();
  }

  giveBack(uid: number): void {
    this.free.push(uid);
  }
}
