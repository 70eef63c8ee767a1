/**
 * What a runner says between STARTED and RESULT, checked against the RUN that it answers.
 *
 * I1  STARTED first and once; OUT and ERR, together no more than the limit; files after the last of them; then RESULT.
 * I2  RESULT speaks of a session and of files exactly when RUN did.
 * I3  Files are handed on one piece after the other, and answered for when the listener has dealt with them; the end
 *     comes after the last of them.
 */
import type { OutputStream } from '@zerofleet/model';
import { FRAME, FrameBreach, type FilePiece, type Frame } from '@zerofleet/protocol';
import { FileIntake, type Collect } from './file-intake.js';
import { parseResult, type RunnerResult } from './messages.js';

export interface RunListener {
  readonly started: () => void;
  readonly output: (stream: OutputStream, bytes: Buffer) => void;
  /** A piece of a file that RUN asked to collect. While the promise is open few more come; a rejection ends the runner. */
  readonly file?: (piece: FilePiece) => Promise<void> | void;
}

/** What of a RUN its answer is checked against. */
export interface RunTerms {
  readonly limits: { readonly outputBytes: number };
  readonly session?: boolean;
  readonly collect?: Collect;
}

export class RunIntake {
  private readonly terms: RunTerms;
  private readonly listener: RunListener;
  private readonly grant: (bytes: number) => void;
  private readonly files: FileIntake | undefined;
  private outputLeft: number;
  private hasStarted = false;
  private hasFiles = false;
  private handedOn: Promise<void> = Promise.resolve();

  /** `grant` answers the runner for bytes of files. */
  constructor(terms: RunTerms, listener: RunListener, grant: (bytes: number) => void) {
    this.terms = terms;
    this.listener = listener;
    this.grant = grant;
    this.files = terms.collect === undefined ? undefined : new FileIntake(terms.collect);
    this.outputLeft = terms.limits.outputBytes;
  }

  /** Settles once every file that came was dealt with. Rejects when the listener does. */
  get filesDone(): Promise<void> {
    return this.handedOn;
  }

  /** Whether the tool was called. */
  get isStarted(): boolean {
    return this.hasStarted;
  }

  /** Takes in a frame; the result when it was RESULT. Throws FrameBreach (I1). */
  take({ type, payload }: Frame): RunnerResult | undefined {
    if (type === FRAME.STARTED && !this.hasStarted) this.start();
    else if (!this.hasStarted) throw outOfOrder(type);
    else if (type === FRAME.OUT || type === FRAME.ERR) this.output(type, payload);
    else if (type === FRAME.FILE_OUT && this.files !== undefined) this.file(payload, this.files);
    else if (type === FRAME.RESULT) return this.result(payload);
    else throw outOfOrder(type);
    return undefined;
  }

  private start(): void {
    this.hasStarted = true;
    this.listener.started();
  }

  private output(type: Frame['type'], bytes: Buffer): void {
    if (this.hasFiles) throw new FrameBreach('output after files');
    if (bytes.byteLength > this.outputLeft) throw new FrameBreach('more output than its limit');
    this.outputLeft -= bytes.byteLength;
    this.listener.output(type === FRAME.OUT ? 'stdout' : 'stderr', bytes);
  }

  private file(payload: Buffer, files: FileIntake): void {
    this.hasFiles = true;
    const piece = files.take(payload);
    this.handedOn = this.handedOn
      .then(() => this.listener.file?.(piece))
      .then(() => {
        const given = files.credit.give(payload.byteLength);
        if (given > 0) this.grant(given);
      });
    // Whoever waits for `filesDone` hears of it; until then it is nobody's.
    this.handedOn.catch(() => undefined);
  }

  private result(payload: Buffer): RunnerResult {
    const result = parseResult(payload);
    if (result === undefined) throw new FrameBreach('a RESULT that does not fit');
    this.files?.check(result.files);
    const { session, collect } = this.terms;
    if ((session === true) !== (result.session !== undefined))
      throw new FrameBreach('a RESULT of another kind of session');
    if ((collect === undefined) !== (result.files === undefined))
      throw new FrameBreach('a RESULT with files nobody asked for');
    return result;
  }
}

const outOfOrder = (type: number): FrameBreach =>
  new FrameBreach(`frame 0x${type.toString(16)} out of order`);
