/**
 * A tool container on a worker, from its start to its removal.
 *
 * C1  A claim is one-way: a container that a tenant claimed serves that tenant until it is gone (I5), and one that a
 *     session of the tenant took serves that session alone.
 * C2  `gone` is terminal, and every state can reach it.
 * C3  Only a `warm` or an `idle` container takes a job, an `idle` one only of its own tenant.
 */
import { IllegalTransition } from './job.js';
import type { JobId, TenantId } from './ids.js';

/** Whom a claimed container serves. A session's name is its tenant's own: two tenants may each have one of the same name. */
export interface ContainerOwner {
  readonly tenant: TenantId;
  readonly session?: string;
}

/** A claimed container that has taken `uses` jobs so far, with the one that it runs. */
interface Claimed extends ContainerOwner {
  readonly uses: number;
}

/** `idle` with a session: parked, with the session's files and shells. */
export type ContainerState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'warm'; readonly sinceMs: number }
  | (Claimed & { readonly kind: 'busy'; readonly job: JobId })
  | (Claimed & { readonly kind: 'resetting' })
  | (Claimed & { readonly kind: 'idle'; readonly sinceMs: number })
  | { readonly kind: 'stopping' }
  | { readonly kind: 'gone' };

export type ContainerEvent =
  | { readonly kind: 'ready'; readonly atMs: number }
  | (ContainerOwner & { readonly kind: 'claimed'; readonly job: JobId })
  | { readonly kind: 'released' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'ended' };

/** The state after `event`. Throws IllegalTransition where C1-C3 forbid it. */
export const transitionContainer = (state: ContainerState, event: ContainerEvent): ContainerState => {
  if (event.kind === 'ended') return { kind: 'gone' };
  if (event.kind === 'stop' && state.kind !== 'gone') return { kind: 'stopping' };
  switch (state.kind) {
    case 'starting':
      if (event.kind === 'ready') return { kind: 'warm', sinceMs: event.atMs };
      break;
    case 'warm':
      if (event.kind === 'claimed') return { kind: 'busy', ...ownerOf(event), job: event.job, uses: 1 };
      break;
    case 'busy':
      if (event.kind === 'released') return { kind: 'resetting', ...ownerOf(state), uses: state.uses };
      break;
    case 'resetting':
      if (event.kind === 'ready')
        return { kind: 'idle', ...ownerOf(state), uses: state.uses, sinceMs: event.atMs };
      break;
    case 'idle':
      if (event.kind === 'claimed' && serves(state, event))
        return { kind: 'busy', ...ownerOf(event), job: event.job, uses: state.uses + 1 };
      break;
    case 'stopping':
    case 'gone':
      break;
  }
  throw new IllegalTransition('container', state.kind, event.kind);
};

/** Whether a container of `owner` may take a job of `claimant`: the same tenant, and the same session where it has one (C1). */
export const serves = (owner: ContainerOwner, claimant: ContainerOwner): boolean =>
  owner.tenant === claimant.tenant && (owner.session === undefined || owner.session === claimant.session);

const ownerOf = ({ tenant, session }: ContainerOwner): ContainerOwner =>
  session === undefined ? { tenant } : { tenant, session };
