/**
 * Who may call what: one table, closed by default. A route that is not in it can't be registered.
 */
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import { CleanroomError } from '../incident/errors.ts'
import { ROLES, type Caller, type IdentityPort, type Role } from './ports.ts'

const EVERY_ROLE: readonly Role[] = ROLES
const NO_TOKEN = 'no token' as const

/** Roles per call; the admin's are spelled out like all others. */
export const ACCESS: Record<string, readonly Role[] | typeof NO_TOKEN> = {
  'GET /healthz': NO_TOKEN,
  'GET /readyz': NO_TOKEN,
  'GET /metrics': NO_TOKEN,
  'GET /openapi.json': NO_TOKEN,
  'POST /incidents': ['responder', 'admin'],
  'GET /incidents': EVERY_ROLE,
  'GET /incidents/:id': EVERY_ROLE,
  'GET /incidents/:id/events': EVERY_ROLE,
  'GET /incidents/:id/evidence': EVERY_ROLE,
  'GET /incidents/:id/evidence/:artifactId': EVERY_ROLE,
  'GET /incidents/:id/ledger': EVERY_ROLE,
  'GET /incidents/:id/findings': EVERY_ROLE,
  'GET /incidents/:id/analyses': EVERY_ROLE,
  'POST /incidents/:id/analyses': ['analyst', 'admin'],
  'POST /incidents/:id/review': ['analyst', 'admin'],
  'POST /incidents/:id/approvals': ['approver', 'admin'],
  'POST /incidents/:id/containment': ['responder', 'admin'],
  'POST /incidents/:id/retry': ['responder', 'analyst', 'admin'],
  'POST /incidents/:id/cancel': ['responder', 'admin']
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route that needs a token. */
    caller: Caller
  }
}

/** Asks for a token and a role before the body is read; unknown paths and methods are answered without one. */
export const authorization = fp<{ identity: IdentityPort }>(async (app, { identity }) => {
  app.decorateRequest('caller')

  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      if (!(callName(one, url) in ACCESS)) throw new Error(`${one} ${url} is not in the access table`)
    }
  })

  app.addHook('onRequest', async (request) => {
    const call = callName(request.method, request.routeOptions.url ?? '')
    const allowed = ACCESS[call]
    if (request.is404 || allowed === NO_TOKEN) return
    request.caller = await identity.verify(bearerToken(request))
    if (!allowed?.some((role) => request.caller.roles.includes(role))) {
      throw new CleanroomError('FORBIDDEN', `${call} is not for ${request.caller.roles.join(', ') || 'a token without roles'}.`, { extra: { requires: allowed } })
    }
  })
}, { name: 'authorization' })

/** HEAD asks what GET would answer. */
function callName (method: string, url: string): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url}`
}

/** RFC 6750, section 2.1. */
function bearerToken (request: FastifyRequest): string {
  const { authorization } = request.headers
  if (authorization === undefined) throw new CleanroomError('UNAUTHENTICATED', 'The request carries no token.')
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1]
  if (token === undefined) throw new CleanroomError('UNAUTHENTICATED', 'The Authorization header is not a bearer token.', { extra: { tokenPresented: true } })
  return token
}
