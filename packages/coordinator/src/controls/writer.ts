/** How records of the control store are written. Adapters implement it over NATS; tests over memory. */

/** `conflict`: somebody else changed the record meanwhile. `unavailable`: nobody can say whether it was stored. */
export type Written = 'written' | 'conflict' | 'unavailable';

/** Nothing here throws but `get`, on broken IO. */
export interface ControlWriter {
  /** Sets a record, whatever was there. */
  put(key: string, record: object): Promise<Written>;
  /** Sets a record if it still has this revision; null: if there is none. */
  change(key: string, record: object, revision: number | null): Promise<Written>;
  /** Ends a record; one that is not there stays so. */
  remove(key: string): Promise<Written>;
  /** The newest record as stored, past what this process has heard; undefined when there is none. */
  get(key: string): Promise<{ readonly revision: number; readonly bytes: Uint8Array } | undefined>;
}
