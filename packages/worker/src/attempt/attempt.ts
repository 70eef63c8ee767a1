/**
 * One attempt of a job at this worker, from its payload to its end.
 *
 * A1  Until GO is written the attempt can be handed back, and tried in another container; afterwards it ends here.
 * A2  The kill ladder: TERM, 1 s, KILL, 0.5 s, destroy the container. Gone by the deadline and 3 s.
 *     Once its files come the tool has ended: what is collected has a bound of its own.
 * A3  An end is one of: what the runner said, what the ladder did, what the container's death means. Never nothing.
 */
import {
  INLINE_OUTCOME_BYTES_MAX,
  RESULT_BYTES_MAX,
  type AttemptReport,
  type BlobRef,
  type FailureCode,
  type FilesRecord,
  type Outcome,
  type OutputChunk,
  type OutputRecord,
  type Payload,
  type SessionState,
  type TenantId,
} from '@zerofleet/model';
import { encodeJson, type AttemptEnd, type FilePiece, type RunJob } from '@zerofleet/protocol';
import {
  pause,
  type BlobIntake,
  type BlobStore,
  type Cancel,
  type Clock,
  type Logger,
} from '@zerofleet/runtime';
import type { Egress } from '../egress/egress.js';
import type { EgressGate } from '../egress/egress-gate.js';
import type { Claim, Slot } from '../pool/claim.js';
import type { PoolDriver } from '../pool/pool-driver.js';
import type { Ended, RunEnd } from '../runner/runner-link.js';
import type { RunnerResult } from '../runner/messages.js';
import type { AttemptMetrics } from './attempt-metrics.js';
import type { SessionDesk, SessionOf, Visit } from '../session/session-desk.js';
import { CollectedFiles, collectOf, LATE_MS } from './collected-files.js';
import { LiveOutput } from './live-output.js';
import { openSecrets, type AttemptSecrets, type SecretOpener } from './secrets.js';
import { Spool } from './spool.js';

/**
 * A warm runner that does not acknowledge a RUN within this is replaced, in ms. It does so in half a millisecond; the
 * bound is for one that is broken, and wide enough for a node that stalls. Files take longer to write.
 */
const ACK_WITHIN_MS = 1_000;
const ACK_PER_FILE_MS = 100;
/** Containers that may fail before GO until the job is given up. */
const CONTAINER_TRIES = 3;
const TERM_GRACE_MS = 1_000;
const KILL_GRACE_MS = 500;
/** A runner that has not said how the job ended so long after the first piece of a file is destroyed, in ms. */
const COLLECT_WITHIN_MS = LATE_MS + 15_000;
/** Pause between two tries to store an outcome's blob, in ms: without it the outcome would be lost. */
const STORE_RETRY_MS = 500;
/** A container goes back so long after its job's end, in ms, also where the leader was not told of it by then. */
const BACK_WITHIN_MS = 20;

export interface AttemptTools {
  readonly pool: PoolDriver;
  readonly blobs: BlobStore;
  /** Takes the files that jobs leave, as long as there is room for them. */
  readonly files: BlobIntake;
  readonly metrics: AttemptMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly publish: (chunks: readonly OutputChunk[]) => void;
  /** Undefined where this worker was given no key to open secrets with. */
  readonly sealer: SecretOpener | undefined;
  readonly sessions: Pick<SessionDesk, 'enter' | 'settle' | 'mayKeep'>;
  readonly egress: Egress;
}

type StopReason = 'cancel' | 'drain' | 'kill';
type Claimed = Extract<Claim, { kind: 'claimed' }>;

export class Attempt {
  readonly job: RunJob;
  readonly spool: Spool;
  private readonly tools: AttemptTools;
  private readonly live: LiveOutput;
  private readonly abort = new AbortController();
  private stopReason: StopReason | undefined;
  private timedOut = false;
  private slot: Slot | undefined;
  private gate: EgressGate | undefined;
  private secrets: AttemptSecrets | undefined;
  private visit: Visit | undefined;
  private found: SessionState | undefined;
  private ran = false;
  private climbing = false;
  private ladder: Cancel = () => undefined;
  private giveBack: (() => void) | undefined;
  private deadline: Cancel = () => undefined;
  private collected: CollectedFiles | undefined;
  private collecting = false;

  constructor(job: RunJob, tools: AttemptTools) {
    this.job = job;
    this.tools = tools;
    this.spool = new Spool(job.form.outputBytes);
    this.live = new LiveOutput(this.spool, tools.clock, (chunks) => tools.publish(chunks));
  }

  /** Whether GO was written: from then on it ends here. */
  get hasRun(): boolean {
    return this.ran;
  }

  /** Runs it to its end. Never throws; resolves after the output was published. */
  async run(): Promise<AttemptEnd> {
    try {
      return await this.attempt();
    } catch (error) {
      this.tools.log.error({ job: this.job.id, error: (error as Error).message }, 'attempt_broke');
      return this.failed('start_failed', `the worker could not run it: ${(error as Error).message}`);
    } finally {
      this.ladder();
      this.gate?.end();
      // What is held on to for readers of the output has no values.
      this.secrets = undefined;
    }
  }

  /**
   * Ends it: `cancel` on the tenant's word, `drain` only if it has not run yet, `kill` whatever it does, because the
   * worker stops or the job is not this attempt's any more.
   */
  stop(reason: StopReason): void {
    if (reason === 'drain' && this.ran) return;
    this.stopReason ??= reason;
    this.abort.abort();
    if (this.ran) this.climb();
  }

  /** The leader has heard of its end, or does not want to. */
  told(): void {
    this.giveBack?.();
  }

  private async attempt(): Promise<AttemptEnd> {
    const loaded = await this.loadPayload();
    if (loaded === undefined) return this.unrun();
    const opened = openSecrets(this.job, this.tools.sealer);
    if (typeof opened === 'string') return this.failed('start_failed', opened);
    this.secrets = opened;
    const besides = JSON.stringify(loaded.collect ?? []).length;
    const filled = opened?.fill(loaded.arguments, besides) ?? loaded.arguments;
    if (typeof filled === 'string') return this.failed('start_failed', filled);
    const { clock, metrics } = this.tools;
    const askedMs = clock.nowMs();
    const claimed = await this.prepare({ ...loaded, arguments: filled });
    if (claimed.kind !== 'claimed') return claimed;
    const { slot, how } = claimed;
    this.slot = slot;
    this.ran = true;
    this.openGate(slot);
    if (loaded.collect !== undefined) this.collected = new CollectedFiles(this.tools.files, clock);
    this.deadline = clock.after(this.job.timeoutMs, () => {
      this.timedOut = true;
      this.climb();
    });
    const goMs = clock.nowMs();
    const end = await slot.link.go({
      started: () => metrics.started(how, clock.nowMs() - goMs, clock.nowMs() - askedMs),
      output: (stream, bytes) => {
        this.spool.push(stream, this.secrets?.show(stream, bytes) ?? bytes);
        this.live.stir();
      },
      file: (piece) => this.takeFile(slot, piece),
    });
    this.deadline();
    this.ladder();
    // From here on the container may serve another job: a stop that comes late must not reach it.
    this.slot = undefined;
    this.leaveSoon(slot, end);
    return this.conclude(end);
  }

  /**
   * Gives the container back once the leader has been told: to wipe it keeps the node as busy as the outcome's way home
   * does, and would be in its way. The next call of a session wants its container at once.
   */
  private leaveSoon(slot: Slot, end: RunEnd): void {
    if (this.of.session !== undefined) return void this.leave(slot, end);
    const late = this.tools.clock.after(BACK_WITHIN_MS, () => this.told());
    this.giveBack = () => {
      late();
      this.giveBack = undefined;
      void this.leave(slot, end);
    };
  }

  /** Gives the container back. A session's is kept as long as its runner answers, whatever became of the call. */
  private async leave(slot: Slot, end: RunEnd): Promise<void> {
    const { pool, sessions } = this.tools;
    const { tenant, session } = this.of;
    if (session !== undefined && end.kind === 'result') {
      const kept = this.visit !== undefined && sessions.mayKeep({ tenant, session }, this.visit);
      await pool.release(slot, kept ? 'keep' : 'end');
      // A container for one job alone: its files are all that lives on.
      if (kept && this.isFresh) await pool.evictSession(tenant, session);
      return;
    }
    const clean = isClean(end) && this.stopReason === undefined && !this.timedOut;
    await pool.release(slot, !clean ? 'broken' : this.isFresh ? 'end' : 'again');
  }

  private get of(): { readonly tenant: TenantId; readonly session: string | undefined } {
    return { tenant: this.job.form.tenant, session: this.job.session };
  }

  /** Whether it takes a container that nobody used before it, nor after. */
  private get isFresh(): boolean {
    const { mode, reuse } = this.job.form;
    return mode === 'oneshot' || reuse === 'never';
  }

  /** The payload, or undefined when the attempt was stopped meanwhile. */
  private async loadPayload(): Promise<Payload | undefined> {
    const { payload } = this.job;
    if (payload.kind === 'inline') return this.abort.signal.aborted ? undefined : payload.payload;
    for (let tries = 1; ; tries += 1) {
      try {
        const bytes = await this.tools.blobs.get(payload.blob);
        return JSON.parse(Buffer.from(bytes).toString('utf8')) as Payload;
      } catch (error) {
        if (this.abort.signal.aborted) return undefined;
        if (tries >= CONTAINER_TRIES) throw error;
        await pause(this.tools.clock, STORE_RETRY_MS, this.abort.signal);
      }
    }
  }

  /** A container that has taken the job in and waits for GO, or the attempt's end. */
  private async prepare(payload: Payload): Promise<Claimed | AttemptEnd> {
    let reason = '';
    const { tenant, session } = this.of;
    const of = session === undefined ? undefined : { tenant, session };
    if (of !== undefined) this.visit = await this.tools.sessions.enter(of, this.abort.signal);
    for (let tries = 0; tries < CONTAINER_TRIES; tries += 1) {
      const claim = await this.claim();
      if (claim.kind === 'aborted') return this.unrun();
      if (claim.kind === 'failed')
        return this.failed('start_failed', `no container could be started: ${claim.reason}`);
      if (of !== undefined) await this.settle(of, claim);
      const offer = await this.offer(claim.slot, payload);
      if (this.abort.signal.aborted) {
        void this.tools.pool.release(claim.slot, 'end');
        return this.unrun();
      }
      if (offer.kind === 'acked') return claim;
      // A runner that refused is as it was: a session's keeps its files.
      const kept = of !== undefined && offer.kind === 'refused';
      void this.tools.pool.release(claim.slot, kept ? 'keep' : 'end');
      if (offer.kind === 'refused' && offer.nak.code === 'no_feature')
        return this.failed('start_failed', `its container cannot do what it asks for: ${offer.nak.message}`);
      if (offer.kind === 'refused')
        return this.failed('tool_error', `the runner refused the job: ${this.hidden(offer.nak.message)}`);
      // The broker's death took the container along; the job has nothing to do with it, and nothing of it ran.
      if (offer.why === 'engine_lost') return { kind: 'handed_back', reason: offer.reason };
      reason = offer.reason;
    }
    return this.failed(
      'start_failed',
      `${CONTAINER_TRIES} containers did not take the job: ${this.hidden(reason)}`,
    );
  }

  private claim(): Promise<Claim> {
    const { id, form } = this.job;
    const { pool: spec, tenant, tool } = form;
    const { signal } = this.abort;
    const { session } = this.job;
    const named = session === undefined ? {} : { session };
    return this.tools.pool.claim({ spec, tenant, job: id, tool, ...named, fresh: this.isFresh, signal });
  }

  private async settle(of: SessionOf, { slot, how }: Claimed): Promise<void> {
    try {
      this.found = await this.tools.sessions.settle(of, slot, how);
    } catch (error) {
      void this.tools.pool.release(slot, 'end');
      throw error;
    }
  }

  private async offer(slot: Slot, payload: Payload): ReturnType<Slot['link']['offer']> {
    const { id, attempt, timeoutMs, form } = this.job;
    const { tool, outputBytes } = form;
    const withinMs = ACK_WITHIN_MS + payload.files.length * ACK_PER_FILE_MS;
    const late = this.tools.clock.after(
      withinMs,
      () => void slot.link.destroy('gone', `no ACK within ${withinMs} ms`),
    );
    const limits = { timeoutMs, outputBytes, resultBytes: RESULT_BYTES_MAX };
    const { arguments: args, files, collect } = payload;
    const offer = await slot.link.offer({
      ...{ job: id, attempt, tool, arguments: args, files, limits },
      ...(collect === undefined ? {} : { collect: collectOf(collect) }),
      ...(this.job.session === undefined ? {} : { session: true }),
      ...(form.egress === undefined ? {} : { egress: true }),
    });
    late();
    return offer;
  }

  /** Sets who decides on the job's tunnels, where it may ask for any. */
  private openGate(slot: Slot): void {
    if (this.job.form.egress === undefined) return;
    this.gate = this.tools.egress.gateFor(this.job, slot.link.tunnel, (text) => this.hidden(text));
    slot.link.onTunnel(this.gate);
  }

  /** Begins the kill ladder (A2), once. */
  private climb(): void {
    const { slot, tools } = this;
    if (slot === undefined || this.climbing) return;
    this.climbing = true;
    slot.link.signal('TERM');
    this.ladder = tools.clock.after(TERM_GRACE_MS, () => {
      slot.link.signal('KILL');
      this.ladder = tools.clock.after(
        KILL_GRACE_MS,
        () => void slot.link.destroy('gone', 'it did not end when killed'),
      );
    });
  }

  /** A piece of a file that the job left (A2). */
  private takeFile(slot: Slot, piece: FilePiece): Promise<void> {
    if (!this.collecting && this.stopReason === undefined) {
      this.ladder();
      this.climbing = false;
      this.deadline();
      const reason = `its files did not come within ${COLLECT_WITHIN_MS} ms`;
      this.deadline = this.tools.clock.after(COLLECT_WITHIN_MS, () => void slot.link.destroy('gone', reason));
    }
    this.collecting = true;
    return this.collected?.take(piece) ?? Promise.resolve();
  }

  private async conclude(end: RunEnd): Promise<AttemptEnd> {
    const own = this.stopReason !== undefined || this.timedOut;
    if (end.kind === 'ended' && end.why === 'engine_lost' && !own)
      return { kind: 'lost', reason: end.reason };
    this.secrets?.rest(isCut(end), (stream, bytes) => this.spool.push(stream, bytes));
    const output = await this.storeOutput(end.kind === 'result' && end.result.output.truncated);
    const files = await this.storeFiles(end);
    const report: AttemptReport =
      end.kind === 'result'
        ? {
            value: this.secrets?.hideIn(end.result.value) ?? end.result.value,
            exitCode: end.result.exitCode,
            usage: end.result.usage,
            output,
            ...files,
          }
        : { value: null, exitCode: null, usage: { wallMs: 0, cpuMs: 0, maxRssKiB: 0 }, output, ...files };
    const { found } = this;
    const whole = found === undefined ? report : { ...report, session: { state: found } };
    return { kind: 'outcome', outcome: this.outcomeOf(end, whole) };
  }

  private outcomeOf(end: RunEnd, report: AttemptReport): Outcome {
    if (end.kind === 'result' && end.result.ok) return { kind: 'succeeded', report };
    if (this.stopReason === 'cancel') return { kind: 'cancelled', report };
    if (this.timedOut) return { kind: 'timed_out', report };
    const failure =
      this.stopReason === 'kill'
        ? { code: 'container_lost' as const, message: 'the worker was stopped while it ran' }
        : end.kind === 'ended'
          ? failureOfEnd(end)
          : failureOfResult(end.result);
    return { kind: 'failed', failure: { ...failure, message: this.hidden(failure.message) }, report };
  }

  /** `cut`: the runner, which counts too, has dropped output over the limit. */
  private async storeOutput(cut: boolean): Promise<OutputRecord> {
    const chunks = this.spool.finish();
    this.live.end();
    const { bytes } = this.spool;
    const truncated = cut || this.spool.truncated;
    const encoded = encodeJson(chunks);
    if (encoded.byteLength <= INLINE_OUTCOME_BYTES_MAX) return { kind: 'inline', bytes, truncated, chunks };
    return { kind: 'blob', bytes, truncated, blob: await this.keep(encoded) };
  }

  /** What the job left of the files that it was asked for. */
  private async storeFiles(end: RunEnd): Promise<{ readonly files?: FilesRecord }> {
    if (this.collected === undefined) return {};
    const said = end.kind === 'result' ? end.result.files : undefined;
    return { files: await this.collected.finish(said, (list) => this.keep(list)) };
  }

  /** Stores what the outcome needs, however often that takes. */
  private async keep(bytes: Uint8Array): Promise<BlobRef> {
    for (;;) {
      try {
        return await this.tools.blobs.put(bytes);
      } catch (error) {
        this.tools.log.warn({ job: this.job.id, error: (error as Error).message }, 'outcome_not_stored');
        await pause(this.tools.clock, STORE_RETRY_MS);
      }
    }
  }

  private hidden(text: string): string {
    return this.secrets?.hide(text) ?? text;
  }

  /** The end of an attempt of which nothing ran. */
  private unrun(): AttemptEnd {
    return this.stopReason === 'cancel'
      ? { kind: 'outcome', outcome: { kind: 'cancelled', report: null } }
      : { kind: 'handed_back', reason: 'the worker stops' };
  }

  private failed(code: FailureCode, message: string): AttemptEnd {
    return { kind: 'outcome', outcome: { kind: 'failed', failure: { code, message }, report: null } };
  }
}

/** Whether the container may serve its tenant again: the tool ended by itself. */
const isClean = (end: RunEnd): boolean => end.kind === 'result' && end.result.signal === null;

/** Whether the tool may have written more than came: it was over its limit, or did not end by itself. */
const isCut = (end: RunEnd): boolean =>
  !isClean(end) || (end.kind === 'result' && end.result.output.truncated);

const failureOfEnd = (ended: Ended): { code: FailureCode; message: string } => ({
  code: ended.why === 'breach' ? 'protocol' : 'container_lost',
  message:
    ended.why === 'breach'
      ? `the runner broke its protocol: ${ended.reason}`
      : `the container ended: ${ended.reason}`,
});

const failureOfResult = ({
  error,
  signal,
  exitCode,
}: RunnerResult): { code: FailureCode; message: string } => {
  if (signal !== null) return { code: 'killed', message: error?.message ?? `ended by signal ${signal}` };
  return { code: 'tool_error', message: error?.message ?? `exit code ${exitCode ?? 'unknown'}` };
};
