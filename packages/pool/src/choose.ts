/**
 * Which container a job gets: the one that is parked for its session, else one that served the same tenant before, else a
 * warm one that nobody claimed, else none. Never one that served another tenant or session (I5).
 */
import { serves, type ContainerOwner } from '@zerofleet/model';
import type { PoolContainer } from './plan.js';

/** `session`: parked for it; `reused`: the tenant's own; `warm`: from stock; `cold`: one must be started. */
export type Choice =
  | { readonly kind: 'session' | 'reused' | 'warm'; readonly container: PoolContainer }
  | { readonly kind: 'cold' };

/** What a job asks for. `fresh`: it takes no container that ran a job before. */
export interface Wish extends ContainerOwner {
  readonly key: string;
  readonly fresh?: boolean;
}

/** The best container for `wish`; of several idle ones the one used last, of warm ones the oldest. */
export const chooseContainer = (containers: Iterable<PoolContainer>, wish: Wish): Choice => {
  let idle: PoolContainer | undefined;
  let warm: PoolContainer | undefined;
  for (const container of containers) {
    if (container.key !== wish.key) continue;
    const { state } = container;
    if (state.kind === 'idle' && serves(state, wish)) {
      if (state.session !== undefined) return { kind: 'session', container };
      if (wish.fresh !== true && isLater(container, idle)) idle = container;
    }
    if (state.kind === 'warm' && (warm === undefined || container.bornMs < warm.bornMs)) warm = container;
  }
  if (idle !== undefined) return { kind: 'reused', container: idle };
  return warm === undefined ? { kind: 'cold' } : { kind: 'warm', container: warm };
};

const isLater = (one: PoolContainer, other: PoolContainer | undefined): boolean =>
  other === undefined ||
  (one.state.kind === 'idle' && other.state.kind === 'idle' && one.state.sinceMs > other.state.sinceMs);
