/**
 * Tenants of the simulation: they submit through any replica, repeat what they got no answer to, cancel, look up what they
 * were told of, what ended and what never was, and tell the auditor all that they hear.
 */
import { admit } from '@zerofleet/coordinator';
import type { Decision, JobId, TenantId } from '@zerofleet/model';
import {
  replyOf,
  type FindReply,
  type JobSnapshot,
  type LeaderReply,
  type SubmitReply,
} from '@zerofleet/protocol';
import { CATALOG, drawOrder, drawPlainOrder, TENANTS, type Order } from './jobs.js';
import { OldNode } from './old-node.js';
import type { ReplicaNode } from './replica-node.js';
import type { World } from './world.js';

const DECISION: Decision = { release: 'sim', adapter: 'native', mode: 'warm', revision: 0, reason: 'sim' };
/** A gateway waits this long for the leader's answer, in ms. */
const CALL_TIMEOUT_MS = 3_000;
/** A tenant repeats a submission with a key after this, in ms, so often at most. */
const REPEAT_MS = 1_500;
const REPEATS_MAX = 40;

export class Tenants {
  /** Jobs that tenants were told of. */
  readonly told: { readonly tenant: TenantId; readonly id: JobId }[] = [];
  /** What has no final answer yet. */
  open = 0;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** Plans `jobs` submissions over `spanMs`, and as many look-ups. */
  plan(jobs: number, spanMs: number): void {
    const { clock, prng } = this.world;
    for (let n = 0; n < jobs; n += 1) {
      clock.after(prng.between(0, spanMs), () => this.begin());
      clock.after(prng.between(0, spanMs), () => this.look());
    }
  }

  /** Asks for every job that a tenant was told of, and for one that never was; resolves to what is wrong. */
  async lookAtAll(): Promise<string[]> {
    const wrong: string[] = [];
    for (const node of this.world.nodes) {
      for (const { tenant, id } of this.told) {
        const reply = await this.find(node, tenant, id);
        if (reply.kind !== 'found') wrong.push(`I8: ${id} is ${reply.kind} at ${node.name} at the end`);
      }
      const never = await this.find(node, TENANTS[0] as TenantId, this.world.prng.uuid(7) as JobId);
      if (never.kind !== 'unknown')
        wrong.push(`${node.name} cannot say what never was: ${JSON.stringify(never)}`);
    }
    return wrong;
  }

  /** Where to submit: what every release knows may go to a leader of the one before, too. */
  private gatewayFor({ key, submit }: Order): ReplicaNode | OldNode | undefined {
    const { upgrade, prng } = this.world;
    const isPlain = key === undefined && submit.delayMs === undefined && submit.deadlineMs === undefined;
    const before = upgrade?.before;
    if (before?.leads === true && isPlain && submit.retry === undefined && prng.chance(1, 2)) return before;
    return this.gateway();
  }

  private gateway(): ReplicaNode | undefined {
    const up = this.world.nodes.filter((node) => node.process.alive && node.replica !== undefined);
    return up.length === 0 ? undefined : this.world.prng.pick(up);
  }

  private begin(): void {
    const { prng, upgrade } = this.world;
    const order = upgrade !== undefined && prng.chance(2, 3) ? drawPlainOrder(prng) : drawOrder(prng);
    this.open += 1;
    void this.submit(order, 0).then(() => {
      this.open -= 1;
    });
  }

  /** Submits, and with a key again as long as nobody knows. */
  private async submit(order: Order, tries: number): Promise<void> {
    const { prng } = this.world;
    const reply = await this.submitAt(this.gatewayFor(order), order);
    if (reply.kind === 'accepted' || reply.kind === 'replayed') {
      this.hear(order, reply.job);
      if (prng.chance(1, 8)) this.cancelLater(order.tenant, reply.job.envelope.id);
      if (order.key !== undefined && prng.chance(1, 3)) this.repeatLater(order);
      return;
    }
    const isFinal = reply.kind === 'refused' && reply.why === 'idempotency_conflict';
    // What was refused is surely not taken, so that it may be tried elsewhere even without a key.
    const mayRepeat =
      order.key !== undefined || (this.world.upgrade !== undefined && reply.kind === 'refused');
    if (!mayRepeat || isFinal || tries >= REPEATS_MAX) return;
    await this.pause(prng.between(1, REPEAT_MS));
    await this.submit(order, tries + 1);
  }

  /** The same again, or another body under the same key, perhaps long after the job ended. */
  private repeatLater(order: Order): void {
    const { prng, clock, auditor } = this.world;
    clock.after(prng.between(0, 20_000), () => {
      const other = prng.chance(1, 5);
      const again = other ? { ...order, submit: { ...order.submit, timeoutMs: 9_999 } } : order;
      void this.submitAt(this.gateway(), again).then((reply) => {
        if (reply.kind !== 'accepted' && reply.kind !== 'replayed') return;
        if (other) auditor.fail(`I8: a key of ${reply.job.envelope.id} was taken with another body`);
      });
    });
  }

  private hear(order: Order, job: JobSnapshot): void {
    const { auditor } = this.world;
    const { id } = job.envelope;
    this.told.push({ tenant: order.tenant, id });
    const node = this.gateway();
    if (node === undefined || job.state.kind === 'finished') return;
    const unlisten = node.feed.listen(id, (seen) => {
      auditor.onTold(seen, 'heard');
      if (seen.state.kind === 'finished') unlisten();
    });
  }

  private cancelLater(tenant: TenantId, id: JobId): void {
    const { prng, clock } = this.world;
    clock.after(prng.between(0, 3_000), () => {
      const before = this.world.upgrade?.before;
      const node = before?.leads === true ? before : this.gateway();
      if (node === undefined) return;
      node.process.deliver(() => {
        if (node.engine !== undefined) void node.engine.cancel(tenant, id);
        else if (!(node instanceof OldNode))
          void node.line.call({ v: 1, kind: 'cancel', tenant, id }, CALL_TIMEOUT_MS);
      });
    });
  }

  private look(): void {
    const { prng } = this.world;
    const node = this.gateway();
    const known = this.told.length > 0 && !prng.chance(1, 10);
    const { tenant, id } = known
      ? prng.pick(this.told)
      : { tenant: prng.pick(TENANTS), id: prng.uuid(7) as JobId };
    if (node === undefined) return;
    void this.find(node, tenant, id).then((reply) => {
      if (known && reply.kind === 'unknown') this.world.auditor.fail(`I8: ${id} is not known any more`);
      if (!known && reply.kind === 'found') this.world.auditor.fail(`${id} was found and never was`);
    });
  }

  private async find(node: ReplicaNode, tenant: TenantId, id: JobId): Promise<FindReply> {
    const reply = await this.at<FindReply>(node, { kind: 'unavailable', why: 'no_leader' }, async () => {
      const known = node.replica?.known(tenant, id);
      if (known !== undefined) return { kind: 'found', job: known };
      if (node.engine !== undefined) return node.engine.find(tenant, id);
      const answer = await node.line.call({ v: 1, kind: 'find', tenant, id }, CALL_TIMEOUT_MS);
      return replyIn<FindReply>(answer) ?? { kind: 'unavailable', why: 'no_leader' };
    });
    if (reply.kind === 'found') this.world.auditor.onTold(reply.job, 'found');
    return reply;
  }

  /** Submits through `node`, as its gateway does: admitted there, then handed to the leader. */
  private async submitAt(node: ReplicaNode | OldNode | undefined, order: Order): Promise<SubmitReply> {
    if (node === undefined) return { kind: 'refused', why: 'no_leader' };
    const id = this.world.prng.uuid(7) as JobId;
    const reply = await this.at<SubmitReply>(node, { kind: 'unknown', id }, () => this.hand(node, order, id));
    this.world.note(`submit ${id} ${reply.kind}${reply.kind === 'refused' ? ` ${reply.why}` : ''}`);
    if (reply.kind === 'accepted' || reply.kind === 'replayed')
      this.world.auditor.onTold(reply.job, reply.kind);
    if (reply.kind === 'refused') this.world.auditor.count(`refused: ${reply.why}`);
    return reply;
  }

  private async hand(
    node: ReplicaNode | OldNode,
    { tenant, submit, key }: Order,
    id: JobId,
  ): Promise<SubmitReply> {
    const { process: clock, blobs, controls } = node;
    const options = {
      ...{ clock, controls },
      catalog: CATALOG,
      newJobId: () => id,
      decision: DECISION,
      blobs: () => blobs,
    };
    const admitted = await admit(options, tenant, submit, key);
    if (admitted.kind === 'refused') return { kind: 'refused', why: admitted.refusal.code };
    const { envelope } = admitted;
    if (node.engine !== undefined) return node.engine.submit(envelope);
    if (node instanceof OldNode) return { kind: 'refused', why: 'no_leader' };
    const answer = await node.line.call({ v: 1, kind: 'submit', jobs: [envelope] }, CALL_TIMEOUT_MS);
    if (answer === 'nobody') return { kind: 'refused', why: 'no_leader' };
    const [reply] = typeof answer === 'object' && answer.kind === 'submit' ? answer.replies : [];
    return reply === undefined ? { kind: 'unknown', id } : replyOf(reply, envelope);
  }

  /** What `act` comes to in the process of `node`; `otherwise` when that dies or sleeps too long. */
  private at<T>(node: ReplicaNode | OldNode, otherwise: T, act: () => Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      const { process } = node;
      const cancel = this.world.clock.after(4 * CALL_TIMEOUT_MS, () => resolve(otherwise));
      process.deliver(() => {
        void act().then((value) =>
          process.deliver(() => {
            cancel();
            resolve(value);
          }),
        );
      });
    });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.clock.after(ms, resolve));
  }
}

const replyIn = <T>(answer: LeaderReply | 'nobody' | 'silent'): T | undefined =>
  typeof answer === 'object' && answer.kind === 'job' ? (answer.reply as T) : undefined;
