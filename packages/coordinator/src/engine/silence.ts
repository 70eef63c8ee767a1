/**
 * Since when a worker's silence counts: only while the leader itself can hear.
 *
 * After a lost connection, a reconnect, or a stall of the leader's own event loop, every worker gets the whole
 * time again: a leader that slept must not declare those dead who spoke meanwhile.
 */

/** An event loop turn that comes this late is a stall, in ms. */
export const STALL_MS = 1_000;

export class Silence {
  private readonly limitMs: number;
  private readonly tickMs: number;
  private connected = true;
  private hearingSinceMs: number;
  private lastTickMs: number;

  /** `limitMs`: silence that means lost. `tickMs`: how often `tick` is called. */
  constructor(limitMs: number, tickMs: number, nowMs: number) {
    this.limitMs = limitMs;
    this.tickMs = tickMs;
    this.hearingSinceMs = nowMs;
    this.lastTickMs = nowMs;
  }

  linkChanged(connected: boolean, nowMs: number): void {
    this.connected = connected;
    this.hearingSinceMs = nowMs;
  }

  /** To be called every `tickMs`; a late call restarts all clocks. */
  tick(nowMs: number): void {
    if (nowMs - this.lastTickMs > this.tickMs + STALL_MS) this.hearingSinceMs = nowMs;
    this.lastTickMs = nowMs;
  }

  /** Whether one who was last heard at `lastHeardMs` is lost. */
  isLost(lastHeardMs: number, nowMs: number): boolean {
    return this.connected && nowMs - Math.max(lastHeardMs, this.hearingSinceMs) > this.limitMs;
  }
}
