/** Cold peers: what the same job costs where a container is started for it. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { OUTPUT_BYTES_DEFAULT, RESULT_BYTES_MAX } from '@zerofleet/model';
import { encodeJsonFrame, FRAME, FrameDecoder, type Frame } from '@zerofleet/protocol';

/** A cold run that takes longer is broken, in ms. */
const COLD_MS_MAX = 60_000;
/** As the engine broker starts them, hardening apart: the runner wants an init above it. */
const FLAGS = ['run', '--rm', '--init', '--network', 'none'];

/** A Python that prints a word in a fresh container, in ms until the container is gone. */
export const coldPlain = async (image: string, signal: AbortSignal): Promise<number> => {
  const began = performance.now();
  const run = new ContainerRun([...FLAGS, '--entrypoint', 'python3', image, '-c', 'print("hi")'], signal);
  run.endInput();
  await run.ended();
  return performance.now() - began;
};

/**
 * The same echo job, end to end, in ms until its RESULT: a container is started, its runner is spoken to in frames as a
 * worker does. That the container must still be removed is not counted.
 */
export const coldJob = async (image: string, text: string, signal: AbortSignal): Promise<number> => {
  const began = performance.now();
  const run = new ContainerRun([...FLAGS, '-i', image], signal);
  const dialogue = new EchoDialogue(text);
  const result = await run.converse((frame) => dialogue.answer(frame));
  const tookMs = performance.now() - began;
  run.endInput();
  await run.ended();
  if (JSON.stringify(result) !== JSON.stringify({ text }))
    throw new Error(`the cold job brought ${JSON.stringify(result)}`);
  return tookMs;
};

/** What is said after a frame, or the result that ends the dialogue. */
type Turn =
  | { readonly kind: 'say'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly result: unknown }
  | { readonly kind: 'listen' };

const LISTEN: Turn = { kind: 'listen' };

/** The worker's side of one echo job. */
class EchoDialogue {
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  answer({ type, payload }: Frame): Turn {
    if (type === FRAME.HELLO)
      return { kind: 'say', bytes: encodeJsonFrame(FRAME.RUN, this.request(jsonIn(payload)['nonce'])) };
    if (type === FRAME.ACK) return { kind: 'say', bytes: encodeJsonFrame(FRAME.GO, {}) };
    if (type === FRAME.RESULT) return { kind: 'end', result: jsonIn(payload)['value'] };
    if (type === FRAME.NAK) throw new Error(`the runner refused the job: ${payload.toString('utf8')}`);
    return LISTEN;
  }

  private request(nonce: unknown): object {
    const limits = {
      timeoutMs: COLD_MS_MAX,
      outputBytes: OUTPUT_BYTES_DEFAULT,
      resultBytes: RESULT_BYTES_MAX,
    };
    const call = { tool: 'echo', arguments: { text: this.text }, fileCount: 0 };
    return { v: 1, nonce, job: randomUUID(), attempt: 1, ...call, limits, env: {} };
  }
}

const jsonIn = (payload: Buffer): Record<string, unknown> =>
  JSON.parse(payload.toString('utf8')) as Record<string, unknown>;

/** One `docker` process. */
class ContainerRun {
  private readonly child;
  private readonly closed: Promise<void>;
  private errors = '';

  constructor(args: readonly string[], signal: AbortSignal) {
    this.child = spawn('docker', args, { signal, timeout: COLD_MS_MAX, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => undefined);
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.closed = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => (code === 0 ? resolve() : reject(this.failure(code))));
    });
    this.closed.catch(() => undefined);
  }

  endInput(): void {
    this.child.stdin.end();
  }

  /** Resolves once the process ended well. */
  ended(): Promise<void> {
    this.child.stdout.resume();
    return this.closed;
  }

  /** Answers each frame by `answer` until it ends the dialogue. */
  converse(answer: (frame: Frame) => Turn): Promise<unknown> {
    const decoder = new FrameDecoder();
    return new Promise((resolve, reject) => {
      this.closed.then(() => reject(this.failure(0)), reject);
      this.child.stdout.on('data', (bytes: Buffer) => {
        try {
          for (const turn of decoder.push(bytes).map(answer)) {
            if (turn.kind === 'say') this.child.stdin.write(turn.bytes);
            else if (turn.kind === 'end') resolve(turn.result);
          }
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  private failure(code: number | null): Error {
    const why = this.errors.trim().split('\n')[0] ?? '';
    return new Error(`docker ended with ${code ?? 'a signal'} too early${why === '' ? '' : `: ${why}`}`);
  }
}
