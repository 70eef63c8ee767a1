/** The control store in memory, for tests. */
import { encodeJson } from '@zerofleet/protocol';
import { Controls } from '../controls/controls.js';
import type { ControlWriter, Written } from '../controls/writer.js';

/** `away` makes reads and writes fail. */
export class ListControls implements ControlWriter {
  readonly controls = new Controls();
  readonly records = new Map<string, { readonly revision: number; readonly bytes: Uint8Array }>();
  away = false;
  /** So many changes meet another one. */
  conflicts = 0;
  private revision = 0;

  put(key: string, record: object): Promise<Written> {
    if (this.away) return Promise.resolve('unavailable');
    this.revision += 1;
    const bytes = encodeJson(record);
    this.records.set(key, { revision: this.revision, bytes });
    this.controls.apply(key, bytes, this.revision);
    return Promise.resolve('written');
  }

  change(key: string, record: object, revision: number | null): Promise<Written> {
    const isOld = (this.records.get(key)?.revision ?? null) !== revision;
    if (this.conflicts === 0 && !isOld) return this.put(key, record);
    this.conflicts -= 1;
    return Promise.resolve('conflict');
  }

  remove(key: string): Promise<Written> {
    if (this.away) return Promise.resolve('unavailable');
    this.revision += 1;
    this.records.delete(key);
    this.controls.apply(key, null, this.revision);
    return Promise.resolve('written');
  }

  get(key: string): Promise<{ readonly revision: number; readonly bytes: Uint8Array } | undefined> {
    return this.away ? Promise.reject(new Error('away')) : Promise.resolve(this.records.get(key));
  }
}
