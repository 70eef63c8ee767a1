/** What of a path the routes of settings read. */
import type { FastifyRequest } from 'fastify';
import { parseTenantId, parseToolName, type Refusal, type TenantId } from '@zerofleet/model';
import { CLASS_NAMES, type PauseTarget } from '@zerofleet/protocol';
import { noSuch, wrong, type ControlDesk } from './control-desk.js';

/** A member of the path. */
export const param = (request: FastifyRequest, name: string): string =>
  (request.params as Record<string, string>)[name] ?? '';

/** The tenant that the path names; a refusal for what is none. */
export const namedTenant = (request: FastifyRequest): TenantId | Refusal =>
  parseTenantId(param(request, 'tenant')) ??
  wrong('tenant', 'must be 1-63 characters of a-z 0-9 -, starting with a letter or digit');

/** The same, and it is there. */
export const knownTenant = (request: FastifyRequest, desk: ControlDesk): TenantId | Refusal => {
  const tenant = namedTenant(request);
  return typeof tenant === 'string' && !desk.hasTenant(tenant) ? noSuch('tenant') : tenant;
};

/** What a word such as `class.batch` names; a refusal for what is none. */
export const targetOf = (word: string): PauseTarget | Refusal => {
  const dot = word.indexOf('.');
  const kind = dot < 0 ? word : word.slice(0, dot);
  const name = dot < 0 ? '' : word.slice(dot + 1);
  const priorityClass = CLASS_NAMES.find((one) => one === name);
  const tool = parseToolName(name);
  const tenant = parseTenantId(name);
  if (word === 'fleet') return { kind: 'fleet' };
  if (kind === 'class' && priorityClass !== undefined) return { kind, class: priorityClass };
  if (kind === 'tool' && tool !== undefined) return { kind, tool };
  if (kind === 'tenant' && tenant !== undefined) return { kind, tenant };
  return wrong('target', 'must be fleet, class.NAME, tool.NAME or tenant.NAME');
};
