/**
 * A tenant's secrets over HTTP: written, listed by name, deleted; never read.
 *
 * W1  No answer, no log and no store holds a value as it is: it is sealed before it leaves this file.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SECRET_BYTES_MAX, SECRET_BYTES_MIN, SECRETS_MAX, type Refusal } from '@zerofleet/model';
import {
  controlKeys,
  NewSecretShape,
  type NewSecret,
  type SecretRecord,
  type SecretsView,
  type SecretView,
} from '@zerofleet/protocol';
import { noSuch, tooMany, v, wrong, type ControlDesk } from './control-desk.js';
import { param } from './params.js';
import { refuse } from './refusals.js';

/** Adds the routes of secrets. */
export const addSecretRoutes = (server: FastifyInstance, desk: ControlDesk): void => {
  const config = { scope: 'manage' as const };
  const one = '/v1/secrets/:name';
  server.get('/v1/secrets', { config }, (request, reply) =>
    reply.send({ secrets: desk.controls.secretsOf(request.tenant).map(viewOf) } satisfies SecretsView),
  );
  server.put(one, { config, schema: { body: NewSecretShape } }, (request, reply) =>
    put(desk, request, reply),
  );
  server.delete(one, { config }, (request, reply) => remove(desk, request, reply));
};

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

const put = async (
  desk: ControlDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const { tenant } = request;
  const name = param(request, 'name');
  const { value } = request.body as NewSecret;
  const { sealer, controls } = desk;
  if (sealer === undefined) return refuse(reply, SECRETS_OFF);
  if (!NAME.test(name))
    return refuse(reply, wrong('name', 'must be 1-64 letters, digits and _, starting with a letter'));
  const bytes = Buffer.byteLength(value);
  if (bytes < SECRET_BYTES_MIN || bytes > SECRET_BYTES_MAX)
    return refuse(reply, wrong('value', `must have ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes`));
  const known = controls.secretsOf(tenant);
  if (known.length >= SECRETS_MAX && controls.secret(tenant, name) === undefined)
    return refuse(reply, tooMany('secrets', SECRETS_MAX));
  const sealed = sealer.seal({ tenant, name }, value);
  const nowMs = desk.clock.wallMs();
  const by = request.caller.name;
  const changed = await desk.change('secret', controlKeys.secret(tenant, name), (before) => ({
    ...(before ?? { v, tenant, name, createdAtMs: nowMs }),
    ...{ sealed, updatedAtMs: nowMs, by },
  }));
  if ('refused' in changed) return refuse(reply, changed.refused);
  return reply.code(changed.isNew ? 201 : 200).send(viewOf(changed.record));
};

const remove = async (
  desk: ControlDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const name = param(request, 'name');
  if (desk.controls.secret(request.tenant, name) === undefined)
    return refuse(reply, noSuch('secret of yours'));
  const refused = await desk.remove(controlKeys.secret(request.tenant, name));
  return refused === undefined ? reply.code(204).send() : refuse(reply, refused);
};

const SECRETS_OFF: Refusal = {
  code: 'secrets_off',
  detail: 'This fleet has no key to seal secrets with. Its operators give it one by ZF_SECRETS_KEY_FILE.',
};

const viewOf = ({ name, createdAtMs, updatedAtMs }: SecretRecord): SecretView => ({
  name,
  createdAt: new Date(createdAtMs).toISOString(),
  updatedAt: new Date(updatedAtMs).toISOString(),
});
