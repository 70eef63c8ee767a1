/** Both state machines, every state with every event: what is not in a table here is illegal. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  IllegalTransition,
  transitionContainer,
  transitionJob,
  type ContainerEvent,
  type ContainerState,
  type JobEvent,
  type JobId,
  type JobState,
  type Outcome,
  type TenantId,
  type WorkerId,
  type BootId,
} from './index.js';

const OUTCOME: Outcome = { kind: 'timed_out', report: null };
const assignment = (attempt: number) =>
  ({ attempt, epoch: 1, worker: 'w1' as WorkerId, boot: 'b' as BootId }) as const;

const JOB_STATES = {
  queued: { kind: 'queued', attemptsStarted: 1, attemptsSpent: 1, dueAtMs: null },
  running: {
    kind: 'running',
    assignment: assignment(2),
    attemptsSpent: 2,
    startedAtMs: 5,
    cancelRequested: false,
  },
  finished: { kind: 'finished', outcome: OUTCOME, attempt: 2, startedAtMs: 5, finishedAtMs: 9 },
} as const satisfies Record<string, JobState>;

const JOB_EVENTS = {
  'started 1': { kind: 'started', assignment: assignment(1), atMs: 7 },
  'started 2': { kind: 'started', assignment: assignment(2), atMs: 7 },
  'started 3': { kind: 'started', assignment: assignment(3), atMs: 7 },
  'lost 1': { kind: 'requeued', attempt: 1, reason: 'worker_lost', dueAtMs: null },
  'lost 2': { kind: 'requeued', attempt: 2, reason: 'worker_lost', dueAtMs: null },
  'lost 3': { kind: 'requeued', attempt: 3, reason: 'worker_lost', dueAtMs: null },
  'handed back 1': { kind: 'requeued', attempt: 1, reason: 'handed_back', dueAtMs: null },
  'handed back 2': { kind: 'requeued', attempt: 2, reason: 'handed_back', dueAtMs: null },
  'cancel requested': { kind: 'cancel_requested' },
  'finished 0': { kind: 'finished', attempt: 0, outcome: OUTCOME, atMs: 9 },
  'finished 1': { kind: 'finished', attempt: 1, outcome: OUTCOME, atMs: 9 },
  'finished 2': { kind: 'finished', attempt: 2, outcome: OUTCOME, atMs: 9 },
  'finished 3': { kind: 'finished', attempt: 3, outcome: OUTCOME, atMs: 9 },
} as const satisfies Record<string, JobEvent>;

const JOB_TABLE: Record<keyof typeof JOB_STATES, Partial<Record<keyof typeof JOB_EVENTS, JobState>>> = {
  queued: {
    'started 2': { ...JOB_STATES.running, startedAtMs: 7 },
    'finished 1': { ...JOB_STATES.finished, attempt: 1, startedAtMs: null },
  },
  running: {
    'lost 2': { kind: 'queued', attemptsStarted: 2, attemptsSpent: 2, dueAtMs: null },
    'handed back 2': { kind: 'queued', attemptsStarted: 2, attemptsSpent: 1, dueAtMs: null },
    'cancel requested': { ...JOB_STATES.running, cancelRequested: true },
    'finished 2': JOB_STATES.finished,
  },
  finished: {},
};

const ADA = 'ada' as TenantId;
const BOB = 'bob' as TenantId;
const J1 = 'j1' as JobId;
const J2 = 'j2' as JobId;

const CONTAINER_STATES = {
  starting: { kind: 'starting' },
  warm: { kind: 'warm', sinceMs: 1 },
  busy: { kind: 'busy', tenant: ADA, job: J1, uses: 3 },
  resetting: { kind: 'resetting', tenant: ADA, uses: 3 },
  idle: { kind: 'idle', tenant: ADA, uses: 3, sinceMs: 1 },
  'busy for s1': { kind: 'busy', tenant: ADA, session: 's1', job: J1, uses: 3 },
  'resetting for s1': { kind: 'resetting', tenant: ADA, session: 's1', uses: 3 },
  'idle for s1': { kind: 'idle', tenant: ADA, session: 's1', uses: 3, sinceMs: 1 },
  stopping: { kind: 'stopping' },
  gone: { kind: 'gone' },
} as const satisfies Record<string, ContainerState>;

const CONTAINER_EVENTS = {
  ready: { kind: 'ready', atMs: 8 },
  'claimed by ada': { kind: 'claimed', tenant: ADA, job: J2 },
  'claimed by bob': { kind: 'claimed', tenant: BOB, job: J2 },
  'claimed by s1 of ada': { kind: 'claimed', tenant: ADA, session: 's1', job: J2 },
  'claimed by s2 of ada': { kind: 'claimed', tenant: ADA, session: 's2', job: J2 },
  'claimed by s1 of bob': { kind: 'claimed', tenant: BOB, session: 's1', job: J2 },
  released: { kind: 'released' },
  stop: { kind: 'stop' },
  ended: { kind: 'ended' },
} as const satisfies Record<string, ContainerEvent>;

const always = { stop: { kind: 'stopping' }, ended: { kind: 'gone' } } as const;
const CONTAINER_TABLE: Record<
  keyof typeof CONTAINER_STATES,
  Partial<Record<keyof typeof CONTAINER_EVENTS, ContainerState>>
> = {
  starting: { ...always, ready: { kind: 'warm', sinceMs: 8 } },
  warm: {
    ...always,
    'claimed by ada': { kind: 'busy', tenant: ADA, job: J2, uses: 1 },
    'claimed by bob': { kind: 'busy', tenant: BOB, job: J2, uses: 1 },
    'claimed by s1 of ada': { kind: 'busy', tenant: ADA, session: 's1', job: J2, uses: 1 },
    'claimed by s2 of ada': { kind: 'busy', tenant: ADA, session: 's2', job: J2, uses: 1 },
    'claimed by s1 of bob': { kind: 'busy', tenant: BOB, session: 's1', job: J2, uses: 1 },
  },
  busy: { ...always, released: CONTAINER_STATES.resetting },
  resetting: { ...always, ready: { ...CONTAINER_STATES.idle, sinceMs: 8 } },
  idle: {
    ...always,
    'claimed by ada': { kind: 'busy', tenant: ADA, job: J2, uses: 4 },
    'claimed by s1 of ada': { kind: 'busy', tenant: ADA, session: 's1', job: J2, uses: 4 },
    'claimed by s2 of ada': { kind: 'busy', tenant: ADA, session: 's2', job: J2, uses: 4 },
  },
  'busy for s1': { ...always, released: CONTAINER_STATES['resetting for s1'] },
  'resetting for s1': { ...always, ready: { ...CONTAINER_STATES['idle for s1'], sinceMs: 8 } },
  'idle for s1': {
    ...always,
    'claimed by s1 of ada': { kind: 'busy', tenant: ADA, session: 's1', job: J2, uses: 4 },
  },
  stopping: always,
  gone: { ended: { kind: 'gone' } },
};

const cases = <S extends string, E extends string, State>(
  states: Record<S, State>,
  events: Record<E, unknown>,
  table: Record<S, Partial<Record<E, State>>>,
): [S, E, State | undefined][] =>
  (Object.keys(states) as S[]).flatMap((state) =>
    (Object.keys(events) as E[]).map((event): [S, E, State | undefined] => [
      state,
      event,
      table[state][event],
    ]),
  );

describe('a job', () => {
  it.each(
    cases<keyof typeof JOB_STATES, keyof typeof JOB_EVENTS, JobState>(JOB_STATES, JOB_EVENTS, JOB_TABLE),
  )('that is %s, at %s', (state, event, after) => {
    const step = (): JobState => transitionJob(JOB_STATES[state], JOB_EVENTS[event]);
    if (after === undefined) expect(step).toThrow(IllegalTransition);
    else expect(step()).toEqual(after);
  });
});

describe('a container', () => {
  it.each(
    cases<keyof typeof CONTAINER_STATES, keyof typeof CONTAINER_EVENTS, ContainerState>(
      CONTAINER_STATES,
      CONTAINER_EVENTS,
      CONTAINER_TABLE,
    ),
  )('that is %s, at %s', (state, event, after) => {
    const step = (): ContainerState => transitionContainer(CONTAINER_STATES[state], CONTAINER_EVENTS[event]);
    if (after === undefined) expect(step).toThrow(IllegalTransition);
    else expect(step()).toEqual(after);
  });

  it('serves one tenant, and from a session on that session, in its whole life, whatever comes', () => {
    // Without its end, which would only make the lives short.
    const life: ContainerEvent[] = [...Object.values(CONTAINER_EVENTS)].filter(
      ({ kind }) => kind !== 'stop' && kind !== 'ended',
    );
    const event = fc.constantFrom(...life);
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const tenants = new Set<TenantId>();
        const sessions = new Set<string | undefined>();
        let state: ContainerState = { kind: 'starting' };
        for (const one of events) {
          try {
            state = transitionContainer(state, one);
          } catch {
            continue;
          }
          if (one.kind !== 'claimed') continue;
          tenants.add(one.tenant);
          if (one.session !== undefined || sessions.size > 0) sessions.add(one.session);
        }
        expect(tenants.size).toBeLessThanOrEqual(1);
        expect(sessions.size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
