/** Jobs as a gateway stamps them, and how it hands them to the leader. */
import {
  headOf,
  type JobEnvelope,
  type JobExtras,
  type JsonObject,
  type ShardId,
  type TenantId,
  type ToolName,
} from '@zerofleet/model';
import { encodeSubmit, parseLeaderReply, shardNames, submitTextOf } from '@zerofleet/protocol';
import { newJobId, type NatsConnection } from '@zerofleet/runtime';
import { PAYLOAD } from './client.js';

/** The names of the lab's shard. */
export const SHARD = shardNames('s0' as ShardId);
const CALL_MS = 30_000;
const PAYLOAD_BYTES = JSON.stringify(PAYLOAD).length;

const TEMPLATE = {
  tenant: 'demo' as TenantId,
  tool: 'echo' as ToolName,
  toolVersion: 1,
  class: 'normal',
  decision: { release: 'baseline', adapter: 'native', mode: 'warm', revision: 0, reason: 'default' },
} as const;

/** An echo job with the bench's payload; `args` stand beside it. */
export const envelope = (extras: JobExtras | null = null, args: JsonObject = {}): JobEnvelope => ({
  ...headOf({
    id: newJobId(),
    template: TEMPLATE,
    timeoutMs: 60_000,
    maxAttempts: 3,
    acceptedAtMs: Date.now(),
    extras,
  }),
  payload: {
    kind: 'inline',
    bytes: PAYLOAD_BYTES,
    payload: { ...PAYLOAD, arguments: { ...PAYLOAD.arguments, ...args } },
  },
});

/** Hands `jobs` to the leader. Throws unless every one of them is on record. */
export const submitJobs = async (connection: NatsConnection, jobs: readonly JobEnvelope[]): Promise<void> => {
  const call = encodeSubmit(jobs.map(submitTextOf));
  const { data } = await connection.request(SHARD.leaderCall, call, { timeout: CALL_MS });
  const parsed = parseLeaderReply(data);
  if (!parsed.ok) throw new Error(`the leader's reply cannot be read: ${parsed.reason}`);
  if (parsed.value.kind !== 'submit') throw new Error(`the leader said ${parsed.value.kind}`);
  const odd = parsed.value.replies.find(({ kind }) => kind !== 'accepted');
  if (odd !== undefined) throw new Error(`a job was not accepted: ${JSON.stringify(odd)}`);
};
