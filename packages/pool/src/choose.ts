/**
 * Which container a job gets: one that served the same tenant before, else a warm one that nobody claimed, else none.
 * Never one that served another tenant (I5).
 */
import type { TenantId } from '@zerofleet/model';
import type { PoolContainer } from './plan.js';

/** `reused`: the tenant's own; `warm`: from stock; `cold`: one must be started. */
export type Choice =
  { readonly kind: 'reused' | 'warm'; readonly container: PoolContainer } | { readonly kind: 'cold' };

/** The best container of `key` for `tenant`; of several idle ones the one used last, of warm ones the oldest. */
export const chooseContainer = (
  containers: Iterable<PoolContainer>,
  key: string,
  tenant: TenantId,
): Choice => {
  let idle: PoolContainer | undefined;
  let warm: PoolContainer | undefined;
  for (const container of containers) {
    if (container.key !== key) continue;
    const { state } = container;
    if (state.kind === 'idle' && state.tenant === tenant && isLater(container, idle)) idle = container;
    if (state.kind === 'warm' && (warm === undefined || container.bornMs < warm.bornMs)) warm = container;
  }
  if (idle !== undefined) return { kind: 'reused', container: idle };
  return warm === undefined ? { kind: 'cold' } : { kind: 'warm', container: warm };
};

const isLater = (one: PoolContainer, other: PoolContainer | undefined): boolean =>
  other === undefined ||
  (one.state.kind === 'idle' && other.state.kind === 'idle' && one.state.sinceMs > other.state.sinceMs);
