/** What a leader answers to the other replicas: that it is there, and what their gateways ask of it. */
import {
  answerOf,
  LEADER_VERSION,
  type LeaderCall,
  type LeaderReply,
  type SubmitReply,
} from '@zerofleet/protocol';
import type { Clock } from '@zerofleet/runtime';
import type { CancelReply } from './cancels.js';
import type { Engine } from './engine.js';
import type { FormatPolicy } from './format-policy.js';
import type { LeaderPort } from './ports.js';

const v = LEADER_VERSION;

/** Listens on `line` for `engine` until the returned function is called. */
export const serveLeader = (
  line: LeaderPort,
  engine: Engine,
  {
    leader,
    format,
    clock,
  }: { readonly leader: string; readonly format: FormatPolicy; readonly clock: Clock },
): (() => void) =>
  line.serve({
    ping: (ping) => {
      format.heard(ping.replica, ping.format, clock.nowMs());
      return { v, leader, epoch: engine.epoch };
    },
    call: (call) => answer(engine, call),
  });

const answer = async (engine: Engine, call: LeaderCall): Promise<LeaderReply> => {
  switch (call.kind) {
    case 'submit': {
      const replies = await engine.submitAll(call.jobs);
      return { v, kind: 'submit', replies: replies.map(answerOf) };
    }
    case 'cancel':
      return { v, kind: 'job', reply: cancelled(await engine.cancel(call.tenant, call.id)) };
    case 'find':
      return { v, kind: 'job', reply: await engine.find(call.tenant, call.id) };
    case 'why': {
      const wait = engine.why(call.tenant, call.id);
      return wait === 'unknown'
        ? { v, kind: 'job', reply: await engine.find(call.tenant, call.id) }
        : { v, kind: 'why', wait };
    }
    case 'usage':
      return { v, kind: 'usage', usage: engine.usage(call.tenant) };
    case 'status':
      return { v, kind: 'status', status: engine.status(call.tenant) };
  }
};

/** A cancel's answer on the wire: `unknown` is a matter for a look-up, since the job may have ended long ago. */
const cancelled = (reply: CancelReply): SubmitReply =>
  reply.kind === 'cancelled'
    ? { kind: 'accepted', job: reply.job }
    : { kind: 'refused', why: reply.kind === 'unknown' ? 'not_found' : 'ledger_unavailable' };
