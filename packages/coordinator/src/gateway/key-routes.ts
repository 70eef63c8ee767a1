/**
 * API keys over HTTP: a tenant's own, and, for operators, everybody's.
 *
 * K1  A key is shown in the answer that makes it and never again; the store holds its hash.
 * K2  A key gives no more than the one it was made with: a tenant's key makes keys of that tenant with scopes of its own.
 */
import { hash, randomBytes, randomInt } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { KEYS_MAX, TENANT_SCOPES, type Refusal, type Scope, type TenantId } from '@zerofleet/model';
import {
  controlKeys,
  NewKeyShape,
  type KeyRecord,
  type KeysView,
  type KeyView,
  type NewKey,
  type NewKeyView,
} from '@zerofleet/protocol';
import { parseTime } from './times.js';
import { noSuch, tooMany, v, wrong, type ControlDesk } from './control-desk.js';
import { refuse } from './refusals.js';
import { knownTenant } from './params.js';
import type { FileKey } from './tenants.js';

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 12;
const KEY_BYTES = 32;

/** Whose keys a request is about: null is the operators'. */
type OwnerOf = (request: FastifyRequest) => TenantId | null | Refusal;

/** Adds the routes of keys. */
export const addKeyRoutes = (server: FastifyInstance, desk: ControlDesk): void => {
  const own: OwnerOf = (request) => request.tenant;
  const named: OwnerOf = (request) => knownTenant(request, desk);
  const operators: OwnerOf = () => null;
  add(server, desk, '/v1/keys', 'manage', own);
  add(server, desk, '/v1/admin/tenants/:tenant/keys', 'admin', named);
  add(server, desk, '/v1/admin/keys', 'admin', operators);
};

const add = (
  server: FastifyInstance,
  desk: ControlDesk,
  path: string,
  scope: Scope,
  ownerOf: OwnerOf,
): void => {
  const config = { scope };
  server.get(path, { config }, (request, reply) => {
    const owner = ownerOf(request);
    return isRefusal(owner)
      ? refuse(reply, owner)
      : reply.send({ keys: keysOf(desk, owner) } satisfies KeysView);
  });
  server.post(path, { config, schema: { body: NewKeyShape } }, (request, reply) => {
    const owner = ownerOf(request);
    return isRefusal(owner) ? refuse(reply, owner) : create(desk, owner, request, reply);
  });
  server.delete(`${path}/:id`, { config }, (request, reply) => {
    const owner = ownerOf(request);
    return isRefusal(owner) ? refuse(reply, owner) : revoke(desk, owner, request, reply);
  });
};

const isRefusal = (owner: TenantId | null | Refusal): owner is Refusal =>
  typeof owner === 'object' && owner !== null;

const keysOf = (desk: ControlDesk, owner: TenantId | null): KeyView[] => [
  ...desk.directory.keys.filter(({ tenant }) => tenant === owner).map(viewOfFiled),
  ...desk.controls.keysOf(owner).map(viewOf),
];

const create = async (
  desk: ControlDesk,
  tenant: TenantId | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const { name, expiresAt, ...body } = request.body as NewKey;
  const scopes = scopesFor(tenant, body.scopes, request.caller.scopes);
  if ('code' in scopes) return refuse(reply, scopes);
  const nowMs = desk.clock.wallMs();
  const expiresAtMs = expiresAt === undefined ? null : parseTime(expiresAt);
  if (expiresAtMs === undefined)
    return refuse(reply, wrong('expiresAt', 'must be a time such as 2030-01-31T12:00:00Z'));
  if (expiresAtMs !== null && expiresAtMs <= nowMs) return refuse(reply, wrong('expiresAt', 'is over'));
  if (desk.controls.keysOf(tenant).length >= KEYS_MAX) return refuse(reply, tooMany('keys', KEYS_MAX));
  const key = `zf_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const id = Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('');
  const sha256 = hash('sha256', key, 'hex');
  const by = request.caller.name;
  const record: KeyRecord = {
    v,
    id,
    tenant,
    name,
    sha256,
    scopes: [...scopes],
    createdAtMs: nowMs,
    expiresAtMs,
    by,
  };
  const refused = await desk.put(controlKeys.key(tenant, id), record);
  if (refused !== undefined) return refuse(reply, { ...refused, detail: NOT_MADE });
  void reply.header('cache-control', 'no-store');
  return reply.code(201).send({ ...viewOf(record), key } satisfies NewKeyView);
};

const NOT_MADE =
  'The key may or may not have been made, and cannot be shown. List the keys, and make another one.';

/** K2. Operators' keys are `admin` alone. */
const scopesFor = (
  tenant: TenantId | null,
  asked: readonly Scope[] | undefined,
  own: readonly Scope[],
): readonly Scope[] | Refusal => {
  if (tenant === null)
    return asked === undefined || asked.every((scope) => scope === 'admin')
      ? ['admin']
      : wrong('scopes', "of an operator's key can be admin alone");
  const isOperator = own.includes('admin');
  const scopes = asked ?? (isOperator ? TENANT_SCOPES : own);
  if (scopes.includes('admin')) return wrong('scopes', "of a tenant's key cannot be admin");
  const more = scopes.find((scope) => !isOperator && !own.includes(scope));
  return more === undefined
    ? scopes
    : { code: 'forbidden', detail: `Your key does not have ${more}, so it cannot give it.` };
};

const revoke = async (
  desk: ControlDesk,
  tenant: TenantId | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const { id } = request.params as { id: string };
  const known = desk.controls.keysOf(tenant).some((key) => key.id === id);
  if (!known) return refuse(reply, noSuch('key; those of the tenants file are revoked there'));
  const refused = await desk.remove(controlKeys.key(tenant, id));
  return refused === undefined ? reply.code(204).send() : refuse(reply, refused);
};

const at = (ms: number): string => new Date(ms).toISOString();

const viewOf = ({ id, name, scopes, createdAtMs, expiresAtMs }: KeyRecord): KeyView => ({
  id,
  name,
  scopes,
  createdAt: at(createdAtMs),
  expiresAt: expiresAtMs === null ? null : at(expiresAtMs),
  source: 'store',
});

const viewOfFiled = ({ name, scopes, sha256 }: FileKey): KeyView => ({
  id: sha256.slice(0, ID_LENGTH),
  name,
  scopes,
  createdAt: null,
  expiresAt: null,
  source: 'file',
});
