/**
 * Format 1 of the ledger and of outcome records, as the release before reads it. Frozen: it knows nothing of the code that
 * writes that format today, so it can say what becomes of it.
 *
 * O1  A message that it cannot read ends the life of that release: an unknown version, an unknown kind of event, outcome,
 *     failure or reason, a field that is not there or does not fit.
 * O2  A field that it does not know changes nothing: that release passes it over, and so do these.
 * O3  `npm run test:upgrade` holds it against that release itself.
 */

/** A job of format 1: everything about it that is fixed at acceptance, flat. */
export interface EnvelopeOne {
  readonly id: string;
  readonly tenant: string;
  readonly tool: string;
  readonly toolVersion: number;
  readonly class: string;
  readonly session: string | null;
  readonly decision: unknown;
  readonly payload: unknown;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly acceptedAtMs: number;
}

export type EventOne =
  | { readonly kind: 'elected'; readonly epoch: number; readonly leader: string }
  | { readonly kind: 'accepted'; readonly job: EnvelopeOne }
  | {
      readonly kind: 'started';
      readonly id: string;
      readonly attempt: number;
      readonly worker: string;
      readonly boot: string;
    }
  | { readonly kind: 'finished'; readonly id: string; readonly attempt: number; readonly outcome: unknown }
  | { readonly kind: 'cancel_requested'; readonly id: string }
  | {
      readonly kind: 'requeued';
      readonly id: string;
      readonly attempt: number;
      readonly reason: 'worker_lost' | 'handed_back';
    };

export interface CommitOne {
  readonly v: 1;
  readonly epoch: number;
  readonly batch: number;
  readonly atMs: number;
  readonly events: readonly EventOne[];
}

/** A message of the outcomes stream: one job. */
export interface OutcomeOne {
  readonly v: 1;
  readonly ledgerSeq: number;
  readonly job: EnvelopeOne;
  readonly attempt: number;
  readonly outcome: unknown;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number;
}

type Check = (value: unknown) => boolean;

const literal =
  (...names: readonly unknown[]): Check =>
  (value) =>
    names.includes(value);
const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const anything: Check = () => true;
const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const number: Check = (value) => Number.isFinite(value);
const integer: Check = (value) => Number.isInteger(value);
const count: Check = (value) => integer(value) && (value as number) >= 0;
const nothing = literal(null);
const record: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    record(value) &&
    Object.entries(fields).every(
      ([name, check]) => name in (value as object) && check((value as Record<string, unknown>)[name]),
    );

const uuid = matches(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
const label = matches(/^[a-z0-9][a-z0-9-]{0,62}$/);
const encoding = literal('utf8', 'base64');

const blob = object({ sha256: matches(/^[0-9a-f]{64}$/), bytes: count });
const chunk = object({ offset: count, stream: literal('stdout', 'stderr'), encoding, data: text });
const output = either(
  object({ bytes: count, truncated: flag, kind: literal('inline'), chunks: list(chunk) }),
  object({ bytes: count, truncated: flag, kind: literal('blob'), blob }),
);
const report = object({
  value: anything,
  exitCode: either(integer, nothing),
  usage: object({ wallMs: number, cpuMs: number, maxRssKiB: number }),
  output,
});
const reportOrNull = either(report, nothing);
const failure = object({
  code: literal('tool_error', 'killed', 'container_lost', 'start_failed', 'protocol', 'worker_lost'),
  message: text,
});
const outcome = either(
  object({ kind: literal('succeeded'), report }),
  object({ kind: literal('failed'), failure, report: reportOrNull }),
  object({ kind: literal('timed_out', 'cancelled'), report: reportOrNull }),
);
const file = object({ path: text, encoding, data: text });
const payload = either(
  object({
    kind: literal('inline'),
    bytes: count,
    payload: object({ arguments: record, files: list(file) }),
  }),
  object({ kind: literal('blob'), blob }),
);
const decision = object({
  release: text,
  adapter: literal('native', 'agent-zero'),
  mode: literal('warm', 'oneshot', 'process'),
  revision: count,
  reason: text,
});
const envelope = object({
  id: uuid,
  tenant: label,
  tool: matches(/^[a-z][a-z0-9_]{0,63}$/),
  toolVersion: count,
  class: literal('interactive', 'high', 'normal', 'batch'),
  session: either(text, nothing),
  decision,
  payload,
  timeoutMs: count,
  maxAttempts: count,
  acceptedAtMs: count,
});
const event = either(
  object({ kind: literal('elected'), epoch: count, leader: text }),
  object({ kind: literal('accepted'), job: envelope }),
  object({ kind: literal('started'), id: uuid, attempt: count, worker: label, boot: uuid }),
  object({ kind: literal('finished'), id: uuid, attempt: count, outcome }),
  object({ kind: literal('cancel_requested'), id: uuid }),
  object({
    kind: literal('requeued'),
    id: uuid,
    attempt: count,
    reason: literal('worker_lost', 'handed_back'),
  }),
);
const commit = object({ v: literal(1), epoch: count, batch: count, atMs: count, events: list(event) });
const outcomeRecord = object({
  v: literal(1),
  ledgerSeq: count,
  job: envelope,
  attempt: count,
  outcome,
  startedAtMs: either(count, nothing),
  finishedAtMs: count,
});

const reader =
  <T>(check: Check) =>
  (bytes: Uint8Array): T | undefined => {
    try {
      const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
      return check(value) ? (value as T) : undefined;
    } catch {
      return undefined;
    }
  };

/** The commit in a ledger message; undefined where the release before cannot read it. */
export const readCommitOne = reader<CommitOne>(commit);
/** The outcome in a message of the outcomes stream; undefined as above. */
export const readOutcomeOne = reader<OutcomeOne>(outcomeRecord);

/** The commit as the release before writes it: of who is elected it says nothing but the name. */
export const writeCommitOne = ({ v, epoch, batch, atMs, events }: CommitOne): Uint8Array => {
  const own = events.map((one) =>
    one.kind === 'elected' ? { kind: one.kind, epoch: one.epoch, leader: one.leader } : one,
  );
  return Buffer.from(JSON.stringify({ v, epoch, batch, atMs, events: own }));
};
