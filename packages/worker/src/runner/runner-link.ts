/**
 * The worker's end of one runner: docs/protocol/runner-frames.md as a state machine.
 *
 * R1  One phase at a time, and a frame that does not belong to the phase is a breach: the runner is destroyed.
 * R2  `go` is the only call that writes GO; before it nothing of the job has run.
 * R3  Whatever happens, a call's promise settles: by its frame, by the runner's end, or by its caller's `destroy`.
 * R4  What a runner may have sent and nobody has dealt with is bounded: output by its limit, all else by credit.
 */
import {
  encodeJsonFrame,
  FRAME,
  FrameBreach,
  FrameDecoder,
  type Frame,
  type RunnerFeature,
} from '@zerofleet/protocol';
import type { RunnerPipe } from '../engine/tool-engine.js';
import type { Ended } from './ended.js';
import { parseAck, parseHello, parseNak, parseRestored, type Nak, type RunnerResult } from './messages.js';
import { RestoreFlow } from './restore-flow.js';
import { RunIntake, type RunListener } from './run-intake.js';
import { featuresOf, framesOf, type RunSpec } from './run-spec.js';
import { SaveStream, type Save } from './save-stream.js';
import { Tunnels, type TunnelHandler } from './tunnels.js';

export type { Ended } from './ended.js';
export type { RunListener } from './run-intake.js';
export type { RunSpec } from './run-spec.js';

export type Offer = { readonly kind: 'acked' } | { readonly kind: 'refused'; readonly nak: Nak } | Ended;
export type RunEnd = { readonly kind: 'result'; readonly result: RunnerResult } | Ended;
/** `refused`: the runner could not take the tar in; what of it is there is gone with the next `reset`. */
export type Restore =
  | { readonly kind: 'restored'; readonly files: number; readonly bytes: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | Ended;

type Settle<T> = (outcome: T) => void;

type Phase =
  | { readonly kind: 'greeting'; readonly settle: Settle<Ended | undefined> }
  /** `kept`: what an earlier call of the session left is there. */
  | { readonly kind: 'idle'; readonly kept: boolean }
  | { readonly kind: 'offered'; readonly spec: RunSpec; readonly settle: Settle<Offer> }
  | { readonly kind: 'acked'; readonly spec: RunSpec }
  | { readonly kind: 'running'; readonly intake: RunIntake; readonly settle: Settle<RunEnd> }
  | { readonly kind: 'ran' }
  /** READY is awaited: after RESET, or after KEEP. */
  | { readonly kind: 'clearing'; readonly kept: boolean; readonly settle: Settle<Ended | undefined> }
  | { readonly kind: 'saving'; readonly save: SaveStream }
  | { readonly kind: 'restoring'; readonly flow: RestoreFlow; readonly settle: Settle<Restore> }
  | { readonly kind: 'ended'; readonly ended: Ended };

type PhaseOf<K extends Phase['kind']> = Extract<Phase, { kind: K }>;

export class RunnerLink {
  readonly id: string;
  /** Settles once the runner is ready for a job, or with why it never will be. */
  readonly greeted: Promise<Ended | undefined>;
  /** The tunnels of the run that is under way. */
  readonly tunnel: Tunnels;
  private readonly pipe: RunnerPipe;
  private readonly decoder = new FrameDecoder();
  private readonly endListeners: (() => void)[] = [];
  private phase: Phase;
  private nonce = '';
  private features: ReadonlySet<string> = new Set();
  private tunnelHandler: TunnelHandler | undefined;
  private destroying: Promise<void> | undefined;

  constructor(pipe: RunnerPipe) {
    this.pipe = pipe;
    this.id = pipe.id;
    let settle: Settle<Ended | undefined> = () => undefined;
    this.greeted = new Promise((resolve) => {
      settle = resolve;
    });
    this.phase = { kind: 'greeting', settle };
    this.tunnel = new Tunnels((frame) => this.pipe.write(frame));
    pipe.onEnd((reason, engineLost) =>
      this.end({ kind: 'ended', why: engineLost ? 'engine_lost' : 'gone', reason }),
    );
    pipe.onData((bytes) => this.take(bytes));
  }

  get isEnded(): boolean {
    return this.phase.kind === 'ended';
  }

  /** How it ended; undefined while it lives. */
  get ended(): Ended | undefined {
    return this.phase.kind === 'ended' ? this.phase.ended : undefined;
  }

  /** Whether the runner knows the frames of a feature; before it has greeted it knows none. */
  has(feature: RunnerFeature): boolean {
    return this.features.has(feature);
  }

  /** Calls `listener` when the runner ends, or now if it has. */
  onEnd(listener: () => void): void {
    if (this.isEnded) listener();
    else this.endListeners.push(listener);
  }

  /** Sets who decides on the tunnels of the next run; a RUN with `egress` goes only with one set. */
  onTunnel(handler: TunnelHandler): void {
    this.tunnelHandler = handler;
  }

  /** Writes RUN and the files; settles with the runner's answer, or a refusal `no_feature` without asking it. */
  offer(spec: RunSpec): Promise<Offer> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    this.expect('idle');
    const missing = featuresOf(spec).find((feature) => !this.has(feature));
    if (missing !== undefined) {
      this.phase = { kind: 'ran' };
      const message = `this runner knows no '${missing}'`;
      return Promise.resolve({ kind: 'refused', nak: { code: 'no_feature', message } });
    }
    return new Promise((settle) => {
      this.phase = { kind: 'offered', spec, settle };
      for (const frame of framesOf(spec, this.nonce)) this.pipe.write(frame);
    });
  }

  /** Writes GO; settles with the result. */
  go(listener: RunListener): Promise<RunEnd> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    const { spec } = this.expect('acked');
    if (spec.egress === true) this.beginTunnels();
    return new Promise((settle) => {
      const intake = new RunIntake(spec, listener, (bytes) => this.credit(bytes));
      this.phase = { kind: 'running', intake, settle };
      this.pipe.write(encodeJsonFrame(FRAME.GO, {}));
    });
  }

  /** Sends a signal to the job's processes (KILL: to the session's shells too); nothing when none runs. */
  signal(signal: 'TERM' | 'KILL'): void {
    if (this.phase.kind === 'running') this.pipe.write(encodeJsonFrame(FRAME.SIGNAL, { signal }));
  }

  /** Wipes the runner for the next job of its tenant; settles with why it cannot serve again, or undefined. */
  reset(): Promise<Ended | undefined> {
    return this.clear(FRAME.RESET, false, ['ran', 'idle']);
  }

  /** Keeps files and shells for the session's next call; settles with why there can be none, or undefined. */
  keep(): Promise<Ended | undefined> {
    return this.clear(FRAME.KEEP, true, ['ran']);
  }

  /** Asks a kept runner for its work directory as a tar of at most `bytesMax`; it stays as it is. */
  save(bytesMax: number): Save {
    const save = new SaveStream(bytesMax, (bytes) => this.credit(bytes));
    if (this.phase.kind === 'ended') save.finish(this.phase.ended);
    else {
      this.expectKept();
      this.phase = { kind: 'saving', save };
      this.pipe.write(encodeJsonFrame(FRAME.SAVE, { maxBytes: bytesMax }));
    }
    return save;
  }

  /**
   * Fills the work directory of a runner that has not run yet with what `save` gave. After a refusal it serves again
   * only after `reset`. Rejects as `tar` does, and then the runner is destroyed.
   */
  restore(tar: AsyncIterable<Uint8Array>): Promise<Restore> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    this.expect('idle');
    return new Promise((settle, reject) => {
      const flow = new RestoreFlow((frame) => this.pipe.write(frame));
      this.phase = { kind: 'restoring', flow, settle };
      flow.send(tar).catch((error: Error) => {
        reject(error);
        void this.destroy('gone', 'what was to be restored could not be read');
      });
    });
  }

  /** Ends the runner; resolves once nothing of it is left. */
  destroy(why: Ended['why'] = 'gone', reason = 'the worker ended it'): Promise<void> {
    this.end({ kind: 'ended', why, reason });
    this.destroying ??= this.pipe.destroy();
    return this.destroying;
  }

  private expect<K extends Phase['kind']>(...kinds: readonly K[]): PhaseOf<K> {
    const { phase } = this;
    if (!(kinds as readonly string[]).includes(phase.kind))
      throw new Error(`runner ${this.id} is ${phase.kind}, not ${kinds.join(' or ')}`);
    return phase as PhaseOf<K>;
  }

  private expectKept(): void {
    if (!this.expect('idle').kept) throw new Error(`runner ${this.id} has no session to save`);
  }

  private beginTunnels(): void {
    if (this.tunnelHandler === undefined) throw new Error(`runner ${this.id} has nobody for its tunnels`);
    this.tunnel.begin(this.tunnelHandler);
    this.tunnelHandler = undefined;
  }

  private clear(
    type: typeof FRAME.RESET | typeof FRAME.KEEP,
    kept: boolean,
    from: readonly ('ran' | 'idle')[],
  ): Promise<Ended | undefined> {
    if (this.phase.kind === 'ended') return Promise.resolve(this.phase.ended);
    this.expect(...from);
    return new Promise((settle) => {
      this.phase = { kind: 'clearing', kept, settle };
      this.pipe.write(encodeJsonFrame(type, {}));
    });
  }

  private credit(bytes: number): void {
    const { kind } = this.phase;
    if (kind === 'running' || kind === 'saving') this.pipe.write(encodeJsonFrame(FRAME.CREDIT, { bytes }));
  }

  private take(bytes: Buffer): void {
    if (this.isEnded) return;
    try {
      for (const frame of this.decoder.push(bytes)) this.heed(frame);
    } catch (error) {
      this.breach(error instanceof Error ? error.message : String(error));
    }
  }

  /** Throws FrameBreach for a frame that does not belong to the phase (R1). */
  private heed(frame: Frame): void {
    const { phase } = this;
    const { type, payload } = frame;
    if (phase.kind === 'ended') return;
    if (phase.kind === 'running') this.run(frame, phase);
    else if (phase.kind === 'greeting' && type === FRAME.HELLO) this.greet(payload, phase);
    else if (phase.kind === 'offered' && type === FRAME.ACK) this.acked(payload, phase);
    else if (phase.kind === 'offered' && type === FRAME.NAK) this.refused(payload, phase);
    else if (phase.kind === 'saving' && type === FRAME.SAVED) this.saved(payload, phase);
    else if (phase.kind === 'restoring' && type === FRAME.PONG) phase.flow.pong();
    else if (phase.kind === 'restoring' && type === FRAME.RESTORED) this.restored(payload, phase);
    else if (phase.kind === 'clearing' && type === FRAME.READY) {
      this.phase = { kind: 'idle', kept: phase.kept };
      phase.settle(undefined);
    } else throw new FrameBreach(`frame 0x${type.toString(16)} while ${phase.kind}`);
  }

  private greet(payload: Buffer, { settle }: PhaseOf<'greeting'>): void {
    const hello = parseHello(payload);
    if (hello === undefined) throw new FrameBreach('a HELLO that does not fit');
    this.nonce = hello.nonce;
    this.features = new Set(hello.features);
    this.phase = { kind: 'idle', kept: false };
    settle(undefined);
  }

  private acked(payload: Buffer, { spec, settle }: PhaseOf<'offered'>): void {
    const ack = parseAck(payload);
    const fits =
      ack.ok &&
      ack.value.nonce === this.nonce &&
      ack.value.job === spec.job &&
      ack.value.attempt === spec.attempt;
    if (!fits) throw new FrameBreach('an ACK of another job');
    this.phase = { kind: 'acked', spec };
    settle({ kind: 'acked' });
  }

  private refused(payload: Buffer, { settle }: PhaseOf<'offered'>): void {
    const nak = parseNak(payload);
    if (!nak.ok) throw new FrameBreach('a NAK that does not fit');
    this.phase = { kind: 'ran' };
    settle({ kind: 'refused', nak: nak.value });
  }

  private run(frame: Frame, { intake, settle }: PhaseOf<'running'>): void {
    if (intake.isStarted && this.tunnel.take(frame)) return;
    const result = intake.take(frame);
    if (result === undefined) return;
    this.tunnel.end('the run is over');
    this.phase = { kind: 'ran' };
    intake.filesDone.then(
      () => settle({ kind: 'result', result }),
      (error: Error) => {
        const reason = `its files could not be taken in: ${error.message}`;
        settle({ kind: 'ended', why: 'gone', reason });
        void this.destroy('gone', reason);
      },
    );
  }

  private saved(payload: Buffer, { save }: PhaseOf<'saving'>): void {
    if (save.take(payload)) this.phase = { kind: 'idle', kept: true };
  }

  private restored(payload: Buffer, { flow, settle }: PhaseOf<'restoring'>): void {
    const restored = parseRestored(payload);
    if (!restored.ok) throw new FrameBreach('a RESTORED that does not fit');
    const { ok, files, bytes, error } = restored.value;
    if (ok && !flow.isSent) throw new FrameBreach('a RESTORED before the last piece');
    flow.stop();
    this.phase = ok ? { kind: 'idle', kept: true } : { kind: 'ran' };
    settle(ok ? { kind: 'restored', files, bytes } : { kind: 'refused', reason: error ?? 'no reason given' });
  }

  private breach(reason: string): void {
    void this.destroy('breach', reason);
  }

  private end(ended: Ended): void {
    const { phase } = this;
    if (phase.kind === 'ended') return;
    this.phase = { kind: 'ended', ended };
    this.tunnel.end(ended.reason);
    if (phase.kind === 'saving') phase.save.finish(ended);
    if (phase.kind === 'restoring') phase.flow.stop();
    if ('settle' in phase) phase.settle(ended);
    for (const listener of this.endListeners.splice(0)) listener();
  }
}
