/**
 * All containers of a worker, with the sums and lists that the planner reads.
 *
 * Y1  A container changes its state only in `step`, by the model's transition: one that a tenant claimed serves no other.
 * Y2  `usedMiB` is the memory of every container that is not gone.
 * Y3  A session has one container at most, from the claim until it is gone.
 */
import {
  poolKeyOf,
  transitionContainer,
  type ContainerEvent,
  type ContainerOwner,
  type PoolSpec,
} from '@zerofleet/model';
import type { Wish } from './choose.js';
import type { PoolPolicy } from './policy.js';
import { Shelf, type Member } from './shelf.js';

export class Yard {
  readonly shelves = new Map<string, Shelf>();
  readonly members = new Map<string, Member>();
  /** Idle containers of sessions; least recently used first. */
  readonly parked = new Set<Member>();
  /** Shelves that changed since the planner looked at them. */
  readonly changed = new Set<Shelf>();
  usedMiB = 0;
  /** Memory of containers that are on their way out. */
  leavingMiB = 0;
  starting = 0;
  /** Containers whose session's files are being saved. */
  saving = 0;
  private readonly policy: PoolPolicy;
  private readonly sessions = new Map<string, Member>();
  private made = 0;

  constructor(policy: PoolPolicy) {
    this.policy = policy;
  }

  /** The shelf of `spec`, made where there is none. */
  shelf(spec: PoolSpec, nowMs: number): Shelf {
    const key = poolKeyOf(spec);
    const known = this.shelves.get(key);
    if (known !== undefined) return known;
    const shelf = new Shelf(key, spec, this.policy, nowMs);
    this.shelves.set(key, shelf);
    return shelf;
  }

  /** A container whose start begins now. */
  add(shelf: Shelf, queuedMs: number, nowMs: number): Member {
    this.made += 1;
    const member: Member = {
      id: `c${this.made}`,
      key: shelf.key,
      shelf,
      memoryMiB: shelf.memoryMiB,
      bornMs: nowMs,
      queuedMs,
      state: { kind: 'starting' },
      owner: undefined,
      tool: undefined,
      saving: false,
    };
    this.members.set(member.id, member);
    this.usedMiB += member.memoryMiB;
    this.place(member);
    return member;
  }

  step(member: Member, event: ContainerEvent): void {
    const state = transitionContainer(member.state, event);
    this.lift(member);
    member.state = state;
    if (state.kind === 'gone') this.forget(member);
    else this.place(member);
    if (state.kind !== 'busy') return;
    member.owner = state;
    if (state.session !== undefined) this.sessions.set(sessionKey(state), member);
  }

  /** Gives a container to a job. */
  claim(
    member: Member,
    { tenant, session, job, tool }: Wish,
    how: keyof Shelf['claims'],
    nowMs: number,
  ): void {
    const { shelf, state } = member;
    shelf.claims[how] += 1;
    if (state.kind === 'idle') shelf.reuse.seen(nowMs - state.sinceMs, true);
    const owner = session === undefined ? { tenant } : { tenant, session };
    this.step(member, { kind: 'claimed', ...owner, job });
    member.tool = tool;
  }

  /** Its session's files need no more saving. */
  saved(member: Member): void {
    if (member.saving) this.saving -= 1;
    member.saving = false;
  }

  forgetShelf(shelf: Shelf): void {
    this.shelves.delete(shelf.key);
    this.changed.delete(shelf);
  }

  /** The container that the session has, in whatever state. */
  ofSession(owner: ContainerOwner): Member | undefined {
    return owner.session === undefined ? undefined : this.sessions.get(sessionKey(owner));
  }

  private place(member: Member): void {
    const { state, shelf } = member;
    shelf.place(member);
    this.changed.add(shelf);
    if (state.kind === 'starting') this.starting += 1;
    if (state.kind === 'stopping') this.leavingMiB += member.memoryMiB;
    if (state.kind === 'idle' && state.session !== undefined) this.parked.add(member);
  }

  private lift(member: Member): void {
    const { state, shelf } = member;
    shelf.lift(member);
    this.changed.add(shelf);
    if (state.kind === 'starting') this.starting -= 1;
    if (state.kind === 'stopping') this.leavingMiB -= member.memoryMiB;
    this.parked.delete(member);
  }

  private forget(member: Member): void {
    this.members.delete(member.id);
    this.usedMiB -= member.memoryMiB;
    this.saved(member);
    if (member.owner?.session !== undefined) this.sessions.delete(sessionKey(member.owner));
  }
}

const sessionKey = ({ tenant, session }: ContainerOwner): string => `${tenant}/${session ?? ''}`;
