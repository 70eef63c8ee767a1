/**
 * A tool container on a worker, from its start to its removal.
 *
 * C1  A claim is one-way: a container that a tenant claimed serves that tenant until it is gone (I5).
 * C2  `gone` is terminal, and every state can reach it.
 * C3  Only a `warm` or an `idle` container takes a job, an `idle` one only of its own tenant.
 */
import { IllegalTransition } from './job.js';
import type { JobId, TenantId } from './ids.js';

export type ContainerState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'warm'; readonly sinceMs: number }
  | { readonly kind: 'busy'; readonly tenant: TenantId; readonly job: JobId; readonly uses: number }
  | { readonly kind: 'resetting'; readonly tenant: TenantId; readonly uses: number }
  | { readonly kind: 'idle'; readonly tenant: TenantId; readonly uses: number; readonly sinceMs: number }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'gone' };

export type ContainerEvent =
  | { readonly kind: 'ready'; readonly atMs: number }
  | { readonly kind: 'claimed'; readonly tenant: TenantId; readonly job: JobId }
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
      if (event.kind === 'claimed') return { kind: 'busy', tenant: event.tenant, job: event.job, uses: 1 };
      break;
    case 'busy':
      if (event.kind === 'released') return { kind: 'resetting', tenant: state.tenant, uses: state.uses };
      break;
    case 'resetting':
      if (event.kind === 'ready')
        return { kind: 'idle', tenant: state.tenant, uses: state.uses, sinceMs: event.atMs };
      break;
    case 'idle':
      if (event.kind === 'claimed' && event.tenant === state.tenant)
        return { kind: 'busy', tenant: state.tenant, job: event.job, uses: state.uses + 1 };
      break;
    case 'stopping':
    case 'gone':
      break;
  }
  throw new IllegalTransition('container', state.kind, event.kind);
};
