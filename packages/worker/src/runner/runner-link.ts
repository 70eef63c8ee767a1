/**
 * The worker's end of one runner: docs/protocol/runner-frames.md as a state machine.
 *
 * R1  One phase at a time, and a frame that does not belong to the phase is a breach: the runner is destroyed.
 * R2  `go` is the only call that writes GO; before it nothing of the job has run.
 * R3  Whatever happens, a call's promise settles: by its frame, by the runner's end, or by its caller's `destroy`.
 */
import type { InputFile, OutputStream } from '@zerofleet/model';
import {
  encodeFileFrame,
  encodeJsonFrame,
  FRAME,
  FrameDecoder,
  FRAMES_VERSION,
  type Frame,
} from '@zerofleet/protocol';
import type { RunnerPipe } from '../engine/tool-engine.js';
import { parseAck, parseHello, parseNak, parseResult, type Nak, type RunnerResult } from './messages.js';

/** What a RUN frame says. */
export interface RunSpec {
  readonly job: string;
  readonly attempt: number;
  readonly tool: string;
  readonly arguments: unknown;
  readonly files: readonly InputFile[];
  readonly limits: { readonly timeoutMs: number; readonly outputBytes: number; readonly resultBytes: number };
}

export type Offer = { readonly kind: 'acked' } | { readonly kind: 'refused'; readonly nak: Nak } | Ended;
export type RunEnd = { readonly kind: 'result'; readonly result: RunnerResult } | Ended;
/** `breach`: the runner broke the protocol. `gone`: it ended. `engine_lost`: it ended with every other one of its engine. */
export interface Ended {
  readonly kind: 'ended';
  readonly why: 'breach' | 'gone' | 'engine_lost';
  readonly reason: string;
}

export interface RunListener {
  readonly started: () => void;
  readonly output: (stream: OutputStream, bytes: Buffer) => void;
}

type Phase =
  | { readonly kind: 'greeting'; readonly settle: (ended: Ended | undefined) => void }
  | { readonly kind: 'idle' }
  | { readonly kind: 'offered'; readonly spec: RunSpec; readonly settle: (offer: Offer) => void }
  | { readonly kind: 'acked' }
  | {
      readonly kind: 'running';
      readonly listener: RunListener;
      readonly settle: (end: RunEnd) => void;
      started: boolean;
    }
  | { readonly kind: 'ran' }
  | { readonly kind: 'resetting'; readonly settle: (ended: Ended | undefined) => void }
  | { readonly kind: 'ended'; readonly ended: Ended };

/** Input files go out in pieces of this size. */
const FILE_PIECE_BYTES = 256 * 1024;

export class RunnerLink {
  readonly id: string;
  /** Settles once the runner is ready for a job, or with why it never will be. */
  readonly greeted: Promise<Ended | undefined>;
  private readonly pipe: RunnerPipe;
  private readonly decoder = new FrameDecoder();
  private readonly endListeners: (() => void)[] = [];
  private phase: Phase;
  private nonce = '';
  private destroying: Promise<void> | undefined;

  constructor(pipe: RunnerPipe) {
    this.pipe = pipe;
    this.id = pipe.id;
    let settle: (ended: Ended | undefined) => void = () => undefined;
    this.greeted = new Promise((resolve) => {
      settle = resolve;
    });
    this.phase = { kind: 'greeting', settle };
    pipe.onEnd((reason, engineLost) =>
      this.end({ kind: 'ended', why: engineLost ? 'engine_lost' : 'gone', reason }),
    );
    pipe.onData((bytes) => this.take(bytes));
  }

  get isEnded(): boolean {
    return this.phase.kind === 'ended';
  }

  /** Calls `listener` when the runner ends, or now if it has. */
  onEnd(listener: () => void): void {
    if (this.isEnded) listener();
    else this.endListeners.push(listener);
  }

  /** Writes RUN and the files; settles with the runner's answer. */
  offer(spec: RunSpec): Promise<Offer> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    this.expect('idle');
    const { job, attempt, tool, limits, files } = spec;
    return new Promise((settle) => {
      this.phase = { kind: 'offered', spec, settle };
      const head = { v: FRAMES_VERSION, nonce: this.nonce, job, attempt, tool, limits, env: {} };
      this.pipe.write(
        encodeJsonFrame(FRAME.RUN, { ...head, arguments: spec.arguments, fileCount: files.length }),
      );
      for (const file of files) this.writeFile(file);
    });
  }

  /** Writes GO; settles with the result. */
  go(listener: RunListener): Promise<RunEnd> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    this.expect('acked');
    return new Promise((settle) => {
      this.phase = { kind: 'running', listener, settle, started: false };
      this.pipe.write(encodeJsonFrame(FRAME.GO, {}));
    });
  }

  /** Sends a signal to every process of the job; nothing when none runs. */
  signal(signal: 'TERM' | 'KILL'): void {
    if (this.phase.kind === 'running') this.pipe.write(encodeJsonFrame(FRAME.SIGNAL, { signal }));
  }

  /** Wipes the runner for the next job of its tenant; settles with why it cannot serve again, or undefined. */
  reset(): Promise<Ended | undefined> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    this.expect('ran');
    return new Promise((settle) => {
      this.phase = { kind: 'resetting', settle };
      this.pipe.write(encodeJsonFrame(FRAME.RESET, {}));
    });
  }

  /** Ends the runner; resolves once nothing of it is left. */
  destroy(why: Ended['why'] = 'gone', reason = 'the worker ended it'): Promise<void> {
    this.end({ kind: 'ended', why, reason });
    this.destroying ??= this.pipe.destroy();
    return this.destroying;
  }

  private expect(kind: Phase['kind']): void {
    if (this.phase.kind !== kind) throw new Error(`runner ${this.id} is ${this.phase.kind}, not ${kind}`);
  }

  private writeFile({ path, encoding, data }: InputFile): void {
    const bytes = Buffer.from(data, encoding);
    let from = 0;
    do {
      const piece = bytes.subarray(from, from + FILE_PIECE_BYTES);
      from += FILE_PIECE_BYTES;
      this.pipe.write(encodeFileFrame(path, piece, from >= bytes.byteLength));
    } while (from < bytes.byteLength);
  }

  private take(bytes: Buffer): void {
    if (this.isEnded) return;
    try {
      for (const frame of this.decoder.push(bytes)) this.heed(frame);
    } catch (error) {
      this.breach(error instanceof Error ? error.message : String(error));
    }
  }

  private heed({ type, payload }: Frame): void {
    const { phase } = this;
    if (type === FRAME.PONG || phase.kind === 'ended') return;
    if (phase.kind === 'greeting' && type === FRAME.HELLO) this.greet(payload, phase.settle);
    else if (phase.kind === 'offered' && type === FRAME.ACK) this.acked(payload, phase);
    else if (phase.kind === 'offered' && type === FRAME.NAK) this.refused(payload, phase.settle);
    else if (phase.kind === 'running') this.run(type, payload, phase);
    else if (phase.kind === 'resetting' && type === FRAME.READY) {
      this.phase = { kind: 'idle' };
      phase.settle(undefined);
    } else this.breach(`frame 0x${type.toString(16)} while ${phase.kind}`);
  }

  private greet(payload: Buffer, settle: (ended: Ended | undefined) => void): void {
    const hello = parseHello(payload);
    if (hello === undefined) return this.breach('a HELLO that does not fit');
    this.nonce = hello.nonce;
    this.phase = { kind: 'idle' };
    settle(undefined);
  }

  private acked(payload: Buffer, { spec, settle }: Extract<Phase, { kind: 'offered' }>): void {
    const ack = parseAck(payload);
    const fits =
      ack.ok &&
      ack.value.nonce === this.nonce &&
      ack.value.job === spec.job &&
      ack.value.attempt === spec.attempt;
    if (!fits) return this.breach('an ACK of another job');
    this.phase = { kind: 'acked' };
    settle({ kind: 'acked' });
  }

  private refused(payload: Buffer, settle: (offer: Offer) => void): void {
    const nak = parseNak(payload);
    if (!nak.ok) return this.breach('a NAK that does not fit');
    this.phase = { kind: 'ran' };
    settle({ kind: 'refused', nak: nak.value });
  }

  private run(type: Frame['type'], payload: Buffer, phase: Extract<Phase, { kind: 'running' }>): void {
    if (type === FRAME.STARTED && !phase.started) {
      phase.started = true;
      phase.listener.started();
    } else if (type === FRAME.OUT && phase.started) phase.listener.output('stdout', payload);
    else if (type === FRAME.ERR && phase.started) phase.listener.output('stderr', payload);
    else if (type === FRAME.RESULT && phase.started) {
      const result = parseResult(payload);
      if (result === undefined) return this.breach('a RESULT that does not fit');
      this.phase = { kind: 'ran' };
      phase.settle({ kind: 'result', result });
    } else this.breach(`frame 0x${type.toString(16)} out of order`);
  }

  private breach(reason: string): void {
    void this.destroy('breach', reason);
  }

  private end(ended: Ended): void {
    const { phase } = this;
    if (phase.kind === 'ended') return;
    this.phase = { kind: 'ended', ended };
    if (phase.kind === 'greeting' || phase.kind === 'resetting') phase.settle(ended);
    if (phase.kind === 'offered' || phase.kind === 'running') phase.settle(ended);
    for (const listener of this.endListeners.splice(0)) listener();
  }
}
