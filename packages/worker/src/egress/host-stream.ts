/**
 * The bytes of one tunnel, between its host and the job.
 *
 * B1  Of the host's bytes at most one read waits here: while the job has no room for it the socket is not read.
 * B2  Of the job's bytes at most one tunnel's credit waits here: each is answered for when the host's side took it.
 * B3  Not one byte beyond the job's budget goes either way.
 * B4  Each direction ends by itself; a tunnel of which only one is left, and where nothing comes, ends.
 */
import type { Socket } from 'node:net';
import type { Cancel, Clock } from '@zerofleet/runtime';
import type { Tunnels } from '../runner/tunnels.js';
import type { ByteBudget } from './byte-budget.js';

/** How long one direction may be silent once the other has ended, in ms. */
export const HALF_OPEN_MS = 60_000;

export type TunnelSide = Pick<Tunnels, 'opened' | 'refuse' | 'room' | 'send' | 'finish' | 'grant' | 'shut'>;

export interface HostStreamOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly tunnels: TunnelSide;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  /** How long it may last, in ms. */
  readonly tunnelMs: number;
}

export class HostStream {
  private readonly options: HostStreamOptions;
  private pending: Buffer | undefined;
  private hostEnded = false;
  private jobEnded = false;
  private activeAtMs: number;
  private readonly startedAtMs: number;
  private cancelEnd: Cancel;
  private cancelHalfOpen: Cancel | undefined;
  private up = 0;
  private down = 0;

  constructor(options: HostStreamOptions) {
    this.options = options;
    const { id, socket, tunnels, clock, tunnelMs } = options;
    this.startedAtMs = this.activeAtMs = clock.nowMs();
    this.cancelEnd = clock.after(tunnelMs, () => tunnels.shut(id, 'its time is over'));
    socket.on('data', (bytes: Buffer) => {
      this.pending = bytes;
      this.pump();
    });
    socket.on('end', () => {
      this.hostEnded = true;
      this.pump();
      this.watchHalf();
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      tunnels.shut(id, `the host: ${error.code ?? 'error'}`),
    );
    socket.on('close', () => {
      if (!this.hostEnded) tunnels.shut(id, 'the host closed');
    });
  }

  /** Bytes that went to the host, and that came from it. */
  get bytes(): { readonly up: number; readonly down: number } {
    return { up: this.up, down: this.down };
  }

  get lastedMs(): number {
    return this.options.clock.nowMs() - this.startedAtMs;
  }

  /** Bytes of the job's (B2). */
  data(bytes: Buffer): void {
    const { id, socket, tunnels, budget } = this.options;
    this.activeAtMs = this.options.clock.nowMs();
    const allowed = budget.take(bytes.byteLength);
    this.up += allowed;
    if (allowed > 0) socket.write(bytes.subarray(0, allowed), () => tunnels.grant(id, bytes.byteLength));
    if (allowed < bytes.byteLength) budget.spent();
  }

  /** The job writes no more. */
  finished(): void {
    this.jobEnded = true;
    this.options.socket.end();
    this.watchHalf();
  }

  /** The job has taken some of what it was sent. */
  room(): void {
    this.activeAtMs = this.options.clock.nowMs();
    this.pump();
  }

  /** The tunnel is over. */
  close(): void {
    this.cancelEnd();
    this.cancelHalfOpen?.();
    this.pending = undefined;
    this.options.socket.removeAllListeners();
    // What still goes wrong on its way down is of no interest.
    this.options.socket.on('error', () => undefined);
    this.options.socket.destroy();
  }

  /** Sends on what is here, as far as there is room and budget (B1, B3). */
  private pump(): void {
    const { id, socket, tunnels, budget } = this.options;
    const { pending } = this;
    if (pending !== undefined) {
      this.activeAtMs = this.options.clock.nowMs();
      const fits = Math.min(pending.byteLength, tunnels.room(id));
      const allowed = budget.take(fits);
      this.down += allowed;
      if (allowed > 0) tunnels.send(id, pending.subarray(0, allowed));
      if (allowed < fits) return budget.spent();
      this.pending = fits < pending.byteLength ? pending.subarray(fits) : undefined;
    }
    if (this.pending !== undefined) socket.pause();
    else if (this.hostEnded) tunnels.finish(id);
    else socket.resume();
  }

  /** B4: one direction has ended. */
  private watchHalf(): void {
    if (this.hostEnded && this.jobEnded) return this.cancelHalfOpen?.();
    if (this.cancelHalfOpen === undefined) this.checkHalfAfter(HALF_OPEN_MS);
  }

  private checkHalfAfter(ms: number): void {
    const { id, tunnels, clock } = this.options;
    this.cancelHalfOpen = clock.after(ms, () => {
      const silentMs = clock.nowMs() - this.activeAtMs;
      if (silentMs >= HALF_OPEN_MS) tunnels.shut(id, 'half of it was silent for too long');
      else this.checkHalfAfter(HALF_OPEN_MS - silentMs);
    });
  }
}
