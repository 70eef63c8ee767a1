/**
 * Answers about what operators and tenants set, told from anything else by the members that their readers rely on. Members
 * of newer releases pass.
 */
import type {
  DefaultsView,
  FilesView,
  KeysView,
  NewKeyView,
  PausesView,
  PauseView,
  QuotasView,
  SchedulesView,
  ScheduleView,
  SecretsView,
  SecretView,
  SessionsView,
  SessionView,
  TenantsView,
  TenantView,
  WhyView,
} from '@zerofleet/protocol';
import { isFlag, isNumber, isText, kind, listOf, orNull, withMembers } from './answer-kinds.js';
import { isRecord } from './answers.js';

const key = { id: isText, name: isText, scopes: listOf(isText) };
const secret = withMembers({ name: isText, createdAt: isText, updatedAt: isText });
const schedule = withMembers({
  ...{ name: isText, cron: isText, zone: isText, missed: isText },
  ...{ job: withMembers({ tool: isText }), next: listOf(isText) },
});
const session = withMembers({
  ...{ session: isText, state: isText, openedAt: isText, usedAt: isText },
  saved: orNull(withMembers({ at: isText, bytes: isNumber })),
});
const tenant = withMembers({ tenant: isText, own: isRecord, keys: isNumber });
const pause = withMembers({ target: isText, reason: isText, since: isText, by: isText });
const usage = withMembers({
  ...{ queued: isNumber, running: isNumber, sessions: isNumber },
  ...{ computeSecondsToday: isNumber, storedBytes: isNumber },
});
const waiting = withMembers({
  ...{ reason: isText, quota: orNull(isText), detail: isText },
  ...{ position: isNumber, waitMs: orNull(isNumber) },
});

export const KEYS = kind<KeysView>('keys', withMembers({ keys: listOf(withMembers(key)) }));
export const NEW_KEY = kind<NewKeyView>('a new key', withMembers({ ...key, key: isText }));
export const SECRETS = kind<SecretsView>('secrets', withMembers({ secrets: listOf(secret) }));
export const SECRET = kind<SecretView>('a secret', secret);
export const SCHEDULES = kind<SchedulesView>('schedules', withMembers({ schedules: listOf(schedule) }));
export const SCHEDULE = kind<ScheduleView>('a schedule', schedule);
export const SESSIONS = kind<SessionsView>('sessions', withMembers({ sessions: listOf(session) }));
export const SESSION = kind<SessionView>('a session', session);
export const TENANTS = kind<TenantsView>('tenants', withMembers({ tenants: listOf(tenant) }));
export const TENANT = kind<TenantView>('a tenant', tenant);
export const QUOTAS = kind<QuotasView>(
  'quotas of a tenant',
  withMembers({ quotas: isRecord, own: isRecord, usage: orNull(usage) }),
);
export const DEFAULTS = kind<DefaultsView>(
  'quotas of the fleet',
  withMembers({ quotas: isRecord, own: isRecord }),
);
export const PAUSES = kind<PausesView>('pauses', withMembers({ pauses: listOf(pause) }));
export const PAUSE = kind<PauseView>('a pause', pause);
export const WHY = kind<WhyView>(
  'why a job waits',
  withMembers({ id: isText, stage: isText, waiting: orNull(waiting) }),
);
const file = withMembers({ path: isText, bytes: isNumber, sha256: isText });
const skipped = withMembers({ path: isText, why: isText });
export const FILES = kind<FilesView>(
  'a list of files',
  withMembers({
    ...{ id: isText, count: isNumber, bytes: isNumber, truncated: isFlag },
    ...{ files: listOf(file), skipped: listOf(skipped), skippedMore: isNumber },
  }),
);
