/**
 * Finds many byte patterns in one pass over a stream (Aho-Corasick).
 *
 * F1  A state is the longest end of what was read that begins a pattern: nothing that stands before it can belong to an
 *     occurrence that is not complete yet.
 * F2  The bytes of a state are the beginning of a pattern, so nobody needs to keep what was read.
 * F3  A byte costs about the same whatever the patterns are, and however many: a tenant chooses both its secrets and its
 *     output.
 */

/** Where nothing that was read begins a pattern. */
export const ROOT = 0;
const NONE = 0;
const BYTES = 256;

export class Matcher {
  private readonly patterns: readonly Buffer[];
  /** The state after each byte at the root. */
  private readonly starts = new Int32Array(BYTES);
  /** Whether a pattern begins with a pair of bytes: of most that are read none does, and this is all that is asked of them. */
  private readonly pairs = new Uint8Array(BYTES * BYTES);
  /** Of each state: its last byte, its length, its first child, its parent's next child. */
  private readonly bytes: Uint8Array;
  private readonly depths: Int32Array;
  private readonly children: Int32Array;
  private readonly siblings: Int32Array;
  /** Of each state: the longest end of it that is another state. */
  private readonly fails: Int32Array;
  /** Of each state: the longest pattern that ends in it, in bytes; 0 where none does. */
  private readonly ends: Int32Array;
  /** Of each state: a pattern that begins with it. */
  private readonly owners: Int32Array;
  private count = 1;

  /** `patterns` have two bytes at least. */
  constructor(patterns: readonly Buffer[]) {
    this.patterns = patterns;
    const states = patterns.reduce((sum, { byteLength }) => sum + byteLength, 1);
    this.bytes = new Uint8Array(states);
    this.depths = new Int32Array(states);
    this.children = new Int32Array(states);
    this.siblings = new Int32Array(states);
    this.fails = new Int32Array(states);
    this.ends = new Int32Array(states);
    this.owners = new Int32Array(states);
    patterns.forEach((pattern, owner) => this.add(pattern, owner));
    this.link();
  }

  /** Reads `bytes` from `state` on, and returns the state after them. `found` hears of the longest pattern that ends at each place. */
  read(from: number, bytes: Buffer, found: (end: number, length: number) => void): number {
    const { pairs, ends } = this;
    const last = bytes.byteLength - 1;
    let state = from;
    for (let at = 0; at <= last; at += 1) {
      const byte = bytes[at] as number;
      if (state === ROOT && at < last && pairs[byte * BYTES + (bytes[at + 1] as number)] === 0) continue;
      state = this.step(state, byte);
      const length = ends[state] as number;
      if (length > 0) found(at + 1, length);
    }
    return state;
  }

  /** Bytes that were read and may begin an occurrence. */
  depthOf(state: number): number {
    return this.depths[state] ?? 0;
  }

  /** Those bytes (F2). */
  bytesOf(state: number): Buffer {
    const pattern = this.patterns[this.owners[state] ?? 0];
    return pattern === undefined ? Buffer.alloc(0) : pattern.subarray(0, this.depthOf(state));
  }

  private step(from: number, byte: number): number {
    for (let state = from; state !== ROOT; state = this.fails[state] as number) {
      const child = this.childOf(state, byte);
      if (child !== NONE) return child;
    }
    return this.starts[byte] as number;
  }

  /** No state has the root as its child, so its number stands for none. */
  private childOf(state: number, byte: number): number {
    if (state === ROOT) return this.starts[byte] as number;
    let child = this.children[state] as number;
    while (child !== NONE && this.bytes[child] !== byte) child = this.siblings[child] as number;
    return child;
  }

  private add(pattern: Buffer, owner: number): void {
    this.pairs[pattern.readUInt16BE(0)] = 1;
    let state = ROOT;
    for (const byte of pattern) {
      const known = this.childOf(state, byte);
      state = known === NONE ? this.newState(state, byte, owner) : known;
    }
    this.ends[state] = this.depths[state] as number;
  }

  private newState(parent: number, byte: number, owner: number): number {
    const state = this.count;
    this.count += 1;
    this.bytes[state] = byte;
    this.depths[state] = (this.depths[parent] as number) + 1;
    this.owners[state] = owner;
    this.siblings[state] = this.children[parent] as number;
    this.children[parent] = state;
    if (parent === ROOT) this.starts[byte] = state;
    return state;
  }

  /** Finds `fails` and `ends` of all states, the shorter ones first. */
  private link(): void {
    const queue = new Int32Array(this.count);
    let tail = 1;
    for (let head = 0; head < tail; head += 1) {
      const parent = queue[head] as number;
      let state = this.children[parent] as number;
      for (; state !== NONE; state = this.siblings[state] as number) {
        queue[tail] = state;
        tail += 1;
        if (parent === ROOT) continue;
        const fail = this.step(this.fails[parent] as number, this.bytes[state] as number);
        this.fails[state] = fail;
        if (this.ends[state] === 0) this.ends[state] = this.ends[fail] as number;
      }
    }
  }
}
