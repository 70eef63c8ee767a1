/** What operators and tenants set, as tables for people. */
import type { Quotas } from '@zerofleet/model';
import type {
  DefaultsView,
  KeyView,
  PauseView,
  QuotasView,
  ScheduleView,
  SecretView,
  SessionView,
  TenantView,
  WhyView,
} from '@zerofleet/protocol';
import { quotaText } from './quota-words.js';
import { facts, rows } from './tables.js';

const MS_PER_S = 1_000;

/** Why a job waits. */
export const whyTable = ({ id, stage, waiting }: WhyView): string =>
  facts([
    ['id', id],
    ['stage', stage],
    ['waits', waiting === null ? 'no' : waiting.reason],
    ['why', waiting?.detail ?? null],
    ['jobs before it', waiting?.position ?? null],
    ['likely wait', waiting === null ? null : waitText(waiting.waitMs)],
  ]);

const waitText = (waitMs: number | null): string =>
  waitMs === null ? 'not known' : `${(waitMs / MS_PER_S).toFixed(1)} s`;

/** Tenants, one a row. */
export const tenantsTable = (tenants: readonly TenantView[]): string =>
  rows(
    ['tenant', 'keys', 'paused', 'own quotas', 'made'],
    tenants.map(({ tenant, keys, paused, own, createdAt }) => [
      tenant,
      String(keys),
      paused ? 'yes' : 'no',
      Object.entries(own)
        .map(([name, value]) => `${name}=${quotaText(value)}`)
        .join(' '),
      createdAt ?? 'in the tenants file',
    ]),
  );

/** What holds, what was set at this level, and what is used. */
export const quotasTable = (view: QuotasView | DefaultsView): string => {
  const own = Object.entries(view.quotas) as [keyof Quotas, Quotas[keyof Quotas]][];
  const quotas = rows(
    ['quota', 'holds', 'set here'],
    own.map(([name, value]) => [name, quotaText(value), name in view.own ? 'yes' : '']),
  );
  const usage = 'usage' in view ? view.usage : null;
  if (usage === null) return quotas;
  return `${quotas}\n${facts([
    ['queued', usage.queued],
    ['running', usage.running],
    ['sessions', usage.sessions],
    ['compute today', `${usage.computeSecondsToday.toFixed(1)} s`],
    ['stored', `${usage.storedBytes} bytes`],
  ])}`;
};

/** Keys, one a row. */
export const keysTable = (keys: readonly KeyView[]): string =>
  rows(
    ['id', 'name', 'may', 'expires', 'made'],
    keys.map(({ id, name, scopes, expiresAt, createdAt }) => [
      id,
      name,
      scopes.join(', '),
      expiresAt ?? 'never',
      createdAt ?? "in the fleet's files",
    ]),
  );

/** What is paused, one a row. */
export const pausesTable = (pauses: readonly PauseView[]): string =>
  rows(
    ['paused', 'since', 'by', 'why'],
    pauses.map(({ target, since, by, reason }) => [target.replace('.', ' '), since, by, reason]),
  );

/** Names of secrets, one a row. */
export const secretsTable = (secrets: readonly SecretView[]): string =>
  rows(
    ['name', 'made', 'changed'],
    secrets.map(({ name, createdAt, updatedAt }) => [name, createdAt, updatedAt]),
  );

/** Schedules, one a row. */
export const schedulesTable = (schedules: readonly ScheduleView[]): string =>
  rows(
    ['name', 'cron', 'zone', 'tool', 'missed', 'next'],
    schedules.map(({ name, cron, zone, job, missed, enabled, next }) => [
      name,
      cron,
      zone,
      job.tool,
      missed,
      enabled ? (next[0] ?? 'never') : 'disabled',
    ]),
  );

/** Open sessions, one a row. */
export const sessionsTable = (sessions: readonly SessionView[]): string =>
  rows(
    ['session', 'state', 'used', 'opened', 'saved bytes'],
    sessions.map(({ session, state, usedAt, openedAt, saved }) => [
      ...[session, state, usedAt, openedAt],
      saved === null ? '' : String(saved.bytes),
    ]),
  );

/** One session. */
export const sessionTable = ({ session, state, usedAt, openedAt, saved }: SessionView): string =>
  facts([
    ['session', session],
    ['state', state],
    ['used', usedAt],
    ['opened', openedAt],
    ['files saved', saved?.at ?? null],
    ['saved bytes', saved?.bytes ?? null],
  ]);
