/** Jobs that wait for a container, in the order they came. */
import type { Wish } from './choose.js';
import type { Shelf } from './shelf.js';

export interface Waiter {
  readonly wish: Wish;
  readonly shelf: Shelf;
}

export type Queue = Set<Waiter>;
