/**
 * Which images a node fetches ahead of need, and which it removes. Pure: what is there, what is wanted and the disk in,
 * references and ids out; the driver fetches and removes one after the other and asks again.
 *
 * M1  An image that is in use or wanted is never removed, however full the disk is.
 * M2  Nothing is removed for room below the high mark; above it, least recently used first, until the low mark is reached.
 *     Between the marks nothing happens, so that a node at the edge does not fetch and remove in turns.
 * M3  An image that nobody wants any more goes after `unusedMaxMs`, on an empty disk too; till then a rollback finds it.
 * M4  Nothing is fetched above the high mark: a job that needs the image asks for it by itself.
 */

/** An image on the node that may be removed by us: ours by its label or its repository. */
export interface NodeImage {
  readonly id: string;
  /** The names under which pools ask for it. */
  readonly references: readonly string[];
  /** What its removal frees, at most. */
  readonly bytes: number;
  /** A container of it exists, whoever holds it. */
  readonly inUse: boolean;
  /** When a container of it was last there, or when it was first seen. */
  readonly usedAtMs: number;
}

export interface Disk {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

export interface ImagePolicy {
  /** Shares of the disk, between 0 and 1. */
  readonly highMark: number;
  readonly lowMark: number;
  readonly unusedMaxMs: number;
}

export interface ImageView {
  readonly images: readonly NodeImage[];
  /** References that pools ask for, the most wanted first. */
  readonly wanted: readonly string[];
  /** Undefined where the engine does not say: then no image is removed for room. */
  readonly disk: Disk | undefined;
  readonly policy: ImagePolicy;
  readonly nowMs: number;
}

export interface ImagePlan {
  /** References to fetch, in this order. */
  readonly pull: readonly string[];
  readonly remove: readonly { readonly id: string; readonly why: 'room' | 'unused' }[];
}

/** What to fetch and to remove now. Asked again once that is done it answers with nothing. */
export const planImages = (view: ImageView): ImagePlan => {
  const remove = removals(view);
  const held = new Set(view.images.flatMap((image) => image.references));
  const isFull = view.disk !== undefined && view.disk.usedBytes > markBytes(view.disk, view.policy.highMark);
  const missing = [...new Set(view.wanted)].filter((reference) => !held.has(reference));
  return { pull: isFull ? [] : missing, remove };
};

const removals = ({ images, wanted, disk, policy, nowMs }: ImageView): ImagePlan['remove'] => {
  const wants = new Set(wanted);
  const idle = images
    .filter((image) => !image.inUse && !image.references.some((reference) => wants.has(reference)))
    .sort((a, b) => a.usedAtMs - b.usedAtMs);
  let excess = excessBytes(disk, policy);
  const remove: { id: string; why: 'room' | 'unused' }[] = [];
  for (const { id, bytes, usedAtMs } of idle) {
    const isOld = nowMs - usedAtMs >= policy.unusedMaxMs;
    if (!isOld && excess <= 0) continue;
    remove.push({ id, why: isOld ? 'unused' : 'room' });
    excess -= bytes;
  }
  return remove;
};

/** What must go to reach the low mark; 0 below the high one (M2). */
const excessBytes = (disk: Disk | undefined, { highMark, lowMark }: ImagePolicy): number => {
  if (disk === undefined || disk.usedBytes <= markBytes(disk, highMark)) return 0;
  return disk.usedBytes - markBytes(disk, lowMark);
};

const markBytes = ({ totalBytes }: Disk, mark: number): number => totalBytes * mark;
