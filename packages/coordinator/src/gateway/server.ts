/**
 * The HTTP server: authentication first, then what the key may do, then shape, then the job.
 *
 * H1  Nothing of a request is parsed before its key is known.
 * H3  A route says which scope it takes; one that says nothing takes `read`. No key of a tenant has `admin`.
 * H2  Every refusal is a problem document with a stable code; an exception is a bug, is logged, and says nothing of itself.
 */
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { BODY_BYTES_MAX, type Refusal, type Scope, type TenantId } from '@zerofleet/model';
import type { Logger } from '@zerofleet/runtime';
import type { Access, Caller } from './access.js';
import { refuse, UNAUTHORIZED } from './refusals.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by authentication, before any route runs. */
    caller: Caller;
    /** The caller's tenant, in every route but those of operators. */
    tenant: TenantId;
  }
  interface FastifyContextConfig {
    /** What a key must have for this route. */
    scope?: Scope;
  }
}

/** The server without its routes. */
export const newApiServer = (access: Access, log: Logger): FastifyInstance => {
  const server = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
    routerOptions: { maxParamLength: 128 },
    exposeHeadRoutes: false,
    frameworkErrors: (_error, request, reply) => {
      // A path that cannot even be read: the key comes first here too (H1).
      const known = access.identify(request.headers.authorization) !== undefined;
      refuse(reply, known ? BAD_PATH : UNAUTHORIZED);
    },
  });
  server.removeContentTypeParser('text/plain');
  takeEmptyBodies(server);
  server.decorateRequest('caller');
  server.decorateRequest('tenant');
  server.addHook('onRequest', (request, reply, next) => {
    const caller = access.identify(request.headers.authorization);
    if (caller === undefined) {
      refuse(reply, UNAUTHORIZED);
      return;
    }
    const { scope = 'read' } = request.routeOptions.config;
    // A path that is not there is said so to any key.
    if (!request.is404 && !caller.scopes.includes(scope)) {
      refuse(reply, forbidden(scope));
      return;
    }
    request.caller = caller;
    if (caller.tenant !== null) request.tenant = caller.tenant;
    next();
  });
  server.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, log));
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, {
      code: 'not_found',
      detail: `There is no ${request.method} ${request.url.split('?')[0]} here.`,
    }),
  );
  return server;
};

const forbidden = (scope: Scope): Refusal => ({
  code: 'forbidden',
  detail:
    scope === 'admin'
      ? "This takes an operator's key."
      : `This takes a tenant's key with the scope ${scope}.`,
});

const BAD_PATH: Refusal = { code: 'not_found', detail: 'The path cannot be read, or is too long.' };

/** HTTP clients name JSON as the type of a body that they do not send; only a route that takes one may mind. */
const takeEmptyBodies = (server: FastifyInstance): void => {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '' && request.routeOptions.schema?.body === undefined) done(null, undefined);
    else void parse(request, String(body), done);
  });
};

const answerError = (
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): FastifyReply => {
  const refusal = refusalOf(error);
  if (refusal.code === 'internal')
    log.error({ error, method: request.method, route: request.routeOptions.url }, 'api_error');
  return refuse(reply, refusal);
};

/** What of a framework's error a caller is told. */
const refusalOf = (error: FastifyError): Refusal => {
  if (error.validation !== undefined) {
    const errors = error.validation.map((one) => ({ path: one.instancePath || '/', message: describe(one) }));
    const first = errors[0];
    return {
      code: 'invalid_request',
      detail: `The body does not fit: ${first?.path} ${first?.message}.`,
      errors,
    };
  }
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return { code: 'malformed_json', detail: 'Send the job as a JSON object.' };
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'body_too_large', detail: `A body may have ${BODY_BYTES_MAX} bytes at most.` };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { code: 'unsupported_media_type', detail: 'Send content-type: application/json.' };
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return { code: 'invalid_request', detail: 'The content-length does not match the body.' };
  }
  if (error instanceof SyntaxError)
    return { code: 'malformed_json', detail: 'Send the job as a JSON object.' };
  return {
    code: 'internal',
    detail: 'The request could not be handled. Nothing was accepted by it unless an id was returned.',
  };
};

const describe = (one: { readonly message?: string; readonly params?: Record<string, unknown> }): string => {
  const extra = one.params?.['additionalProperty'];
  return `${one.message ?? 'does not fit'}${typeof extra === 'string' ? `: '${extra}'` : ''}`;
};
