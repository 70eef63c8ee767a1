/**
 * Quotas and pauses of the simulation, and whether they hold by what stands in the ledger (I6), whoever leads.
 *
 * A pause or a quota is known to a process CONTROL_DELAY_MS after it was set, when it is awake and online; so what it forbids
 * may still be found in commits that a sleeping or cut-off leader staged before. Quotas are set before anybody leads and never
 * change: they hold at every commit. Pauses come and go: what starts is held against those that every leader had heard of.
 */
import type { StoredJob, TenantId } from '@zerofleet/model';
import { controlKeys, CONTROLS_VERSION, type LedgerEvent, type PauseTarget } from '@zerofleet/protocol';
import { OUTCOME_HEAD_BYTES } from '@zerofleet/coordinator';
import { CONTROL_DELAY_MS } from '@zerofleet/testkit';
import { TENANTS, TOOL } from './jobs.js';
import type { World } from './world.js';

const [FIRST, SECOND, THIRD] = TENANTS as [TenantId, TenantId, TenantId];
const QUEUED_MAX = 12;
const RUNNING_MAX = 3;
const SUBMITS_PER_S = 2;
/** Room for the outcomes of two jobs that run, and for all that ends in a history. */
const STORED_MAX = 700_000;
const v = CONTROLS_VERSION;
const by = 'sim';
/** How often something is paused or resumed, in ms. */
const PAUSE_EVERY_MS = 5_000;
/** How long a pause lasts, at most, in ms. */
const PAUSE_MS = 8_000;

interface Sums {
  queued: number;
  running: number;
  accepted: number;
  payloadBytes: number;
  outcomeBytes: number;
}

export class SimQuotas {
  private readonly world: World;
  private readonly sums = new Map<TenantId, Sums>();
  private readonly jobs = new Map<
    string,
    { readonly job: StoredJob; state: 'queued' | 'running' | 'finished' }
  >();
  /** Jobs that run, by tenant and session. */
  private readonly sessions = new Map<string, Set<string>>();
  private readonly paused = new Map<string, { readonly target: PauseTarget; readonly sinceMs: number }>();
  private over = false;

  constructor(world: World) {
    this.world = world;
    const set = (tenant: TenantId, quotas: object): void =>
      world.settings.set(controlKeys.tenant(tenant), { v, tenant, quotas, createdAtMs: 0, by });
    set(FIRST, { queuedMax: QUEUED_MAX, runningMax: RUNNING_MAX });
    set(SECOND, { submitRate: { perSecond: SUBMITS_PER_S, burst: 5 }, storedBytesMax: STORED_MAX });
    set(THIRD, { ceiling: 'high', sessionsMax: 1 });
    this.plan();
  }

  /** Nothing is paused any more, for good. */
  end(): void {
    this.over = true;
    for (const { target } of this.paused.values()) this.world.settings.set(controlKeys.pause(target), null);
    this.paused.clear();
  }

  /** An event that was stored. */
  take(event: LedgerEvent): void {
    if (event.kind === 'accepted') return this.accept(event.job);
    if (!('id' in event)) return;
    const seen = this.jobs.get(event.id);
    if (seen === undefined) return;
    const { tenant } = seen.job.template;
    const sums = this.of(tenant);
    if (seen.state !== 'finished') sums[seen.state] -= 1;
    if (event.kind === 'started') seen.state = 'running';
    else if (event.kind === 'requeued') seen.state = 'queued';
    else if (event.kind === 'finished') {
      seen.state = 'finished';
      const { report } = event.outcome;
      const result = report === null || report.value === null ? 0 : JSON.stringify(report.value).length;
      sums.payloadBytes -= bytesOf(seen.job);
      sums.outcomeBytes += OUTCOME_HEAD_BYTES + result + (report?.output.bytes ?? 0);
    }
    if (seen.state !== 'finished') sums[seen.state] += 1;
    this.checkSession(seen.job, seen.state === 'running');
    if (event.kind === 'started') this.checkPause(seen.job);
    this.check(tenant, sums);
  }

  private accept(job: StoredJob): void {
    const { tenant } = job.template;
    const sums = this.of(tenant);
    if (tenant === FIRST && sums.queued >= QUEUED_MAX)
      this.world.auditor.fail(
        `I6: ${job.id} of ${tenant} was accepted, and ${sums.queued} of ${QUEUED_MAX} waited`,
      );
    if (tenant === THIRD && job.template.class === 'interactive')
      this.world.auditor.fail(`I6: ${job.id} of ${tenant} is above its highest class`);
    this.jobs.set(job.id, { job, state: 'queued' });
    this.checkSessions(job);
    sums.queued += 1;
    sums.accepted += 1;
    sums.payloadBytes += bytesOf(job);
    this.check(tenant, sums);
  }

  /** Jobs of one session run one at a time. */
  private checkSession({ id, template, extras }: StoredJob, runs: boolean): void {
    if (extras?.session === undefined) return;
    const name = `${template.tenant} ${extras.session}`;
    const running = this.sessions.get(name) ?? new Set();
    this.sessions.set(name, running);
    if (runs) running.add(id);
    else running.delete(id);
    if (running.size > 1) this.world.auditor.fail(`two jobs of session ${name} run at once`);
  }

  /** A tenant has no more sessions open than it may. */
  private checkSessions({ id, template }: StoredJob): void {
    if (template.tenant !== THIRD) return;
    const open = new Set<string>();
    for (const { job, state } of this.jobs.values())
      if (state !== 'finished' && job.template.tenant === THIRD && job.extras?.session !== undefined)
        open.add(job.extras.session);
    if (open.size > 1) this.world.auditor.fail(`I6: ${id} opens a session of ${THIRD} beyond its quota`);
  }

  /** Buckets begin empty with a reign, so no more than the rate gives since the beginning was ever accepted. */
  private check(tenant: TenantId, { running, accepted, payloadBytes, outcomeBytes }: Sums): void {
    const { auditor, clock } = this.world;
    if (tenant === FIRST && running > RUNNING_MAX)
      auditor.fail(`I6: ${running} jobs of ${tenant} run, and ${RUNNING_MAX} may`);
    if (tenant !== SECOND) return;
    const most = (clock.nowMs() / 1_000) * SUBMITS_PER_S + 1;
    if (accepted > most) auditor.fail(`I6: ${accepted} jobs of ${tenant} were accepted, and ${most} may be`);
    const stored = payloadBytes + outcomeBytes;
    if (stored > STORED_MAX) auditor.fail(`I6: ${tenant} stores ${stored} bytes, and ${STORED_MAX} may`);
  }

  /** I6: what is paused does not start, once whoever leads has heard of it. */
  private checkPause(job: StoredJob): void {
    const { clock, auditor } = this.world;
    const leader = this.world.leader();
    if (leader?.process.awake !== true || !leader.process.online) return;
    const heardMs = Math.max(leader.process.wokeAtMs, leader.process.backAtMs) + SETTLED_MS;
    for (const { target, sinceMs } of this.paused.values()) {
      const isHeard = clock.nowMs() > Math.max(sinceMs + SETTLED_MS, heardMs);
      if (isHeard && isTarget(target, job))
        auditor.fail(`I6: ${job.id} starts, and ${target.kind} is paused`);
    }
  }

  private plan(): void {
    const { clock, prng, settings } = this.world;
    clock.after(prng.between(500, PAUSE_EVERY_MS), () => {
      if (this.over) return;
      const target = prng.pick<PauseTarget>([
        { kind: 'fleet' },
        { kind: 'class', class: 'normal' },
        { kind: 'tool', tool: TOOL.name },
        { kind: 'tenant', tenant: prng.pick(TENANTS) },
      ]);
      const key = controlKeys.pause(target);
      if (this.paused.size === 0) {
        const sinceMs = clock.nowMs();
        this.paused.set(key, { target, sinceMs });
        settings.set(key, { v, target, reason: '', sinceMs, by });
        clock.after(prng.between(200, PAUSE_MS), () => {
          if (this.paused.delete(key)) settings.set(key, null);
        });
      }
      this.plan();
    });
  }

  private of(tenant: TenantId): Sums {
    const known = this.sums.get(tenant);
    if (known !== undefined) return known;
    const sums = { queued: 0, running: 0, accepted: 0, payloadBytes: 0, outcomeBytes: 0 };
    this.sums.set(tenant, sums);
    return sums;
  }
}

/** A change has reached a leader, and what it staged before is stored or not there, in ms. */
const SETTLED_MS = CONTROL_DELAY_MS + 3_000;

const isTarget = (target: PauseTarget, { template }: StoredJob): boolean => {
  switch (target.kind) {
    case 'fleet':
      return true;
    case 'class':
      return template.class === target.class;
    case 'tool':
      return template.tool === target.tool;
    case 'tenant':
      return template.tenant === target.tenant;
  }
};

const bytesOf = ({ payload }: StoredJob): number =>
  payload.kind === 'blob' ? payload.blob.bytes : payload.bytes;
