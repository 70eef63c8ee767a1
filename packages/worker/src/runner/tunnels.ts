/**
 * The tunnels of one runner: byte streams that its job opens through the runner's proxy, as frames.
 *
 * L1  Only while a RUN that may have tunnels runs; its RESULT ends them all. Ids only go up, so none comes twice.
 * L2  Credit is kept both ways: a runner that sends or grants more than it may is in breach, `send` beyond `room` throws.
 * L3  The handler hears `closed` exactly once of every tunnel that it heard `open` of, and nothing of it afterwards.
 * L4  Each side may say that no more of its bytes come, once; the other direction goes on.
 * L5  A tunnel counts against TUNNELS_MAX until the runner has said TUNNEL_CLOSED, whoever ended it.
 */
import {
  encodeJsonFrame,
  encodeTunnelFrame,
  FRAME,
  FrameBreach,
  parseTunnelOut,
  TUNNEL_CREDIT_BYTES,
  TUNNEL_PIECE_BYTES_MAX,
  TUNNELS_MAX,
  type Frame,
} from '@zerofleet/protocol';
import { Credit } from './credit.js';
import { parseTunnelClosed, parseTunnelCredit, parseTunnelOpen, type TunnelRequest } from './messages.js';

/** Who decides on tunnels and carries their bytes. Its calls must not throw. */
export interface TunnelHandler {
  /** The job asks for a tunnel: answer with `opened` or `refuse`. */
  open(request: TunnelRequest): void;
  /** Bytes from the job; `grant` as many once they are dealt with. */
  data(id: number, bytes: Buffer): void;
  /** No more bytes come from the job; it may still read. */
  finished(id: number): void;
  /** There is room for more bytes to the job. */
  room(id: number): void;
  /** The tunnel is over: the job's side closed it, or this one did, or the run ended. */
  closed(id: number, reason: string): void;
}

interface Tunnel {
  readonly fromJob: Credit;
  room: number;
  isOpen: boolean;
  /** The job, or this side, has said that no more comes (L4). */
  jobFinished: boolean;
  finished: boolean;
  /** This side ended it and the handler knows; what still comes is dropped. */
  isShut: boolean;
}

export class Tunnels {
  private readonly write: (frame: Buffer) => void;
  private readonly tunnels = new Map<number, Tunnel>();
  private handler: TunnelHandler | undefined;
  private lastId = 0;

  constructor(write: (frame: Buffer) => void) {
    this.write = write;
  }

  /** Says yes to a request. */
  opened(id: number): void {
    const tunnel = this.live(id);
    if (tunnel === undefined || tunnel.isOpen) return;
    tunnel.isOpen = true;
    this.write(encodeJsonFrame(FRAME.TUNNEL_OPENED, { id, ok: true }));
  }

  /** Says no to a request, with a code and a sentence that the job may see. */
  refuse(id: number, code: string, message: string): void {
    const tunnel = this.live(id);
    if (tunnel === undefined || tunnel.isOpen) return;
    this.write(encodeJsonFrame(FRAME.TUNNEL_OPENED, { id, ok: false, code, message }));
    this.leave(id, tunnel, message);
  }

  /** Bytes that `send` takes of this tunnel now; 0 for one that is not open. */
  room(id: number): number {
    const tunnel = this.live(id);
    return tunnel?.isOpen === true && !tunnel.finished ? tunnel.room : 0;
  }

  /** Sends bytes to the job. Throws RangeError beyond `room`; a tunnel that ended meanwhile takes none. */
  send(id: number, bytes: Buffer): void {
    const tunnel = this.live(id);
    if (tunnel === undefined) return;
    if (bytes.byteLength > this.room(id)) throw new RangeError(`tunnel ${id} has no room for more`);
    tunnel.room -= bytes.byteLength;
    for (let from = 0; from < bytes.byteLength; from += TUNNEL_PIECE_BYTES_MAX)
      this.write(encodeTunnelFrame(id, bytes.subarray(from, from + TUNNEL_PIECE_BYTES_MAX)));
  }

  /** Says that no more bytes come to the job; it may still write (L4). */
  finish(id: number): void {
    const tunnel = this.live(id);
    if (tunnel?.isOpen !== true || tunnel.finished) return;
    tunnel.finished = true;
    this.write(encodeTunnelFrame(id, Buffer.alloc(0)));
  }

  /** Says that bytes of the job were dealt with, so that it may send as many again. */
  grant(id: number, bytes: number): void {
    const given = this.live(id)?.fromJob.give(bytes) ?? 0;
    if (given > 0) this.write(encodeJsonFrame(FRAME.CREDIT, { tunnel: id, bytes: given }));
  }

  /** Ends a tunnel from this side. */
  shut(id: number, reason: string): void {
    const tunnel = this.live(id);
    if (tunnel === undefined) return;
    this.write(encodeJsonFrame(FRAME.TUNNEL_SHUT, { id, reason }));
    this.leave(id, tunnel, reason);
  }

  /** A run begins that may have tunnels (L1). */
  begin(handler: TunnelHandler): void {
    this.handler = handler;
  }

  /** The run is over (L1). */
  end(reason: string): void {
    for (const [id, tunnel] of this.tunnels) this.leave(id, tunnel, reason);
    this.tunnels.clear();
    this.handler = undefined;
  }

  /** Takes in a frame of the runner; whether it is one of tunnels at this time. Throws FrameBreach. */
  take({ type, payload }: Frame): boolean {
    if (this.handler === undefined) return false;
    if (type === FRAME.TUNNEL_OPEN) this.onOpen(payload, this.handler);
    else if (type === FRAME.TUNNEL_OUT) this.onData(payload, this.handler);
    else if (type === FRAME.TUNNEL_CREDIT) this.onCredit(payload, this.handler);
    else if (type === FRAME.TUNNEL_CLOSED) this.onClosed(payload);
    else return false;
    return true;
  }

  private onOpen(payload: Buffer, handler: TunnelHandler): void {
    const request = parseTunnelOpen(payload);
    if (!request.ok) throw new FrameBreach('a TUNNEL_OPEN that does not fit');
    const { id } = request.value;
    if (id <= this.lastId) throw new FrameBreach('a tunnel of an old id');
    if (this.tunnels.size === TUNNELS_MAX) throw new FrameBreach('too many tunnels');
    this.lastId = id;
    const fromJob = new Credit(TUNNEL_CREDIT_BYTES, 'TUNNEL_OUT');
    const flags = { isOpen: false, jobFinished: false, finished: false, isShut: false };
    this.tunnels.set(id, { fromJob, room: TUNNEL_CREDIT_BYTES, ...flags });
    handler.open(request.value);
  }

  private onData(payload: Buffer, handler: TunnelHandler): void {
    const { id, data } = parseTunnelOut(payload);
    const tunnel = this.known(id);
    if (!tunnel.isOpen && !tunnel.isShut) throw new FrameBreach('a TUNNEL_OUT before its tunnel is open');
    if (tunnel.jobFinished) throw new FrameBreach('a TUNNEL_OUT after the last');
    tunnel.fromJob.take(data.byteLength);
    tunnel.jobFinished = data.byteLength === 0;
    if (tunnel.isShut) return;
    if (tunnel.jobFinished) handler.finished(id);
    else handler.data(id, data);
  }

  private onCredit(payload: Buffer, handler: TunnelHandler): void {
    const credit = parseTunnelCredit(payload);
    if (!credit.ok) throw new FrameBreach('a TUNNEL_CREDIT that does not fit');
    const { id, bytes } = credit.value;
    const tunnel = this.known(id);
    tunnel.room += bytes;
    if (tunnel.room > TUNNEL_CREDIT_BYTES) throw new FrameBreach('credit for bytes that were not sent');
    if (!tunnel.isShut && !tunnel.finished) handler.room(id);
  }

  private onClosed(payload: Buffer): void {
    const closed = parseTunnelClosed(payload);
    if (!closed.ok) throw new FrameBreach('a TUNNEL_CLOSED that does not fit');
    const { id, reason } = closed.value;
    const tunnel = this.known(id);
    this.tunnels.delete(id);
    this.leave(id, tunnel, reason);
  }

  private known(id: number): Tunnel {
    const tunnel = this.tunnels.get(id);
    if (tunnel === undefined) throw new FrameBreach('a frame of no tunnel');
    return tunnel;
  }

  /** The tunnel as the handler knows it. */
  private live(id: number): Tunnel | undefined {
    const tunnel = this.tunnels.get(id);
    return tunnel?.isShut === false ? tunnel : undefined;
  }

  private leave(id: number, tunnel: Tunnel, reason: string): void {
    if (tunnel.isShut) return;
    tunnel.isShut = true;
    this.handler?.closed(id, reason);
  }
}
