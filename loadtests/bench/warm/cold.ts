/** Cold peers: what the same job costs where a container, or a process in one, is started for it by the docker command. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { docker, type Session } from '@zerofleet/launch';
import { OUTPUT_BYTES_DEFAULT, RESULT_BYTES_MAX } from '@zerofleet/model';
import {
  CONTAINER_LABEL,
  encodeJsonFrame,
  FRAME,
  FrameDecoder,
  TOOL_ROLE,
  type Frame,
} from '@zerofleet/protocol';

/** A cold run that takes longer is broken, in ms. */
const COLD_MS_MAX = 60_000;
/** As the engine broker starts them, hardening apart: the runner wants an init above it. */
const RUN = ['run', '--rm', '--init', '--network', 'none'];
const RUNNER = ['python3', '-I', '-u', '/opt/zerofleet/runner', '--mode', 'container'];
const HELLO_PYTHON = ['-c', 'print("hi")'];

/** How long a cold job took, in ms: until it began, and until its result was there. */
export interface ColdTimes {
  readonly startMs: number;
  readonly resultMs: number;
}

/** One way to run a job cold. */
export interface Cold {
  /**
   * An echo job of the fleet's own runner, spoken to in frames as a worker does, until STARTED and until RESULT. What
   * is left to remove then is not counted.
   */
  readonly job: (text: string) => Promise<ColdTimes>;
  /** A Python that prints a word, in ms until the word is there. */
  readonly plain: () => Promise<number>;
}

/** `docker run --rm` of the tool image for each job. */
export const coldRun = (image: string, signal: AbortSignal): Cold => ({
  job: (text) => job([...RUN, '-i', image], text, signal),
  plain: () => plain([...RUN, '--entrypoint', 'python3', image, ...HELLO_PYTHON], signal),
});

/** `docker exec` for each job, in one container of the tool image that runs as long as the session. */
export const coldExec = async (image: string, session: Session): Promise<Cold> => {
  const { signal } = session;
  const broker = `bench-${session.launchId}`;
  const labels = { [CONTAINER_LABEL.role]: TOOL_ROLE, [CONTAINER_LABEL.broker]: broker };
  session.make({ kind: 'tool-containers', broker });
  const flags = Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
  const idle = ['--entrypoint', 'sleep', image, 'infinity'];
  const id = (await docker([...RUN, '--detach', ...flags, ...idle], { signal })).trim();
  session.atEnd('the container for docker exec', async () => void (await docker(['rm', '--force', id])));
  return {
    job: (text) => job(['exec', '-i', id, ...RUNNER], text, signal),
    plain: () => plain(['exec', id, 'python3', ...HELLO_PYTHON], signal),
  };
};

const plain = async (args: readonly string[], signal: AbortSignal): Promise<number> => {
  const began = performance.now();
  const run = new DockerRun(args, signal);
  run.endInput();
  await run.said();
  const tookMs = performance.now() - began;
  await run.ended();
  return tookMs;
};

const job = async (args: readonly string[], text: string, signal: AbortSignal): Promise<ColdTimes> => {
  const began = performance.now();
  const run = new DockerRun(args, signal);
  const dialogue = new EchoDialogue(text);
  const result = await run.converse((frame) => dialogue.answer(frame));
  const resultMs = performance.now() - began;
  run.endInput();
  await run.ended();
  if (JSON.stringify(result) !== JSON.stringify({ text }) || dialogue.startedAt === undefined)
    throw new Error(`the cold job brought ${JSON.stringify(result)}`);
  return { startMs: dialogue.startedAt - began, resultMs };
};

/** What is said after a frame, or the result that ends the dialogue. */
type Turn =
  | { readonly kind: 'say'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly result: unknown }
  | { readonly kind: 'listen' };

const LISTEN: Turn = { kind: 'listen' };

/** The worker's side of one echo job. */
class EchoDialogue {
  startedAt: number | undefined;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  answer({ type, payload }: Frame): Turn {
    if (type === FRAME.HELLO)
      return { kind: 'say', bytes: encodeJsonFrame(FRAME.RUN, this.request(jsonIn(payload)['nonce'])) };
    if (type === FRAME.ACK) return { kind: 'say', bytes: encodeJsonFrame(FRAME.GO, {}) };
    if (type === FRAME.STARTED) this.startedAt = performance.now();
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
class DockerRun {
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

  /** Resolves at its first output. */
  said(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.child.stdout.once('data', () => resolve());
      this.closed.then(() => reject(this.failure(0)), reject);
    });
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
