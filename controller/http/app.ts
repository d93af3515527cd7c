/**
 * The HTTP edge, made of plugins that each do one thing. It decides nothing about incidents.
 */
import { fastifySSE } from '@fastify/sse'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { ulid } from 'ulid'
import { authorization } from './authorization.ts'
import { notFound } from './not-found.ts'
import { openapi } from './openapi.ts'
import type { AppPorts } from './ports.ts'
import { problemDocument, sendProblem } from './problem.ts'
import { requestMetrics } from './request-metrics.ts'
import { headersOf, responseHeaders } from './response-headers.ts'
import { containmentRoutes } from './routes/containment.ts'
import { evidenceRoutes } from './routes/evidence.ts'
import { eventRoutes } from './routes/events.ts'
import { incidentRoutes } from './routes/incidents.ts'
import { operationRoutes } from './routes/operations.ts'
import { reviewRoutes } from './routes/review.ts'
import { validation } from './validation.ts'

/** Bytes; the largest valid request is far smaller. */
const BODY_LIMIT = 64 * 1024
/** How long a client may take to send a request. */
const REQUEST_LIMIT_MS = 30_000

/** The whole API, not yet listening. `heartbeatMs`: how often a silent event stream shows that it is alive. */
export async function buildApp (ports: AppPorts, { heartbeatMs = 15_000 } = {}): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: ports.logger,
    genReqId: requestId,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_LIMIT_MS,
    routerOptions: { maxParamLength: 255 },
    // These come before any hook.
    frameworkErrors: (error, request, reply) => { sendProblem(error, request as FastifyRequest, reply.headers(headersOf(request))) },
    clientErrorHandler (error, socket) {
      // No request could be read, so there is nothing but the socket to answer on.
      const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code] ?? 400
      const body = JSON.stringify({ ...problemDocument({ code: 'INVALID_REQUEST', message: 'The request is not HTTP as this server reads it.' }, { id: ulid(), url: '' }), status })
      if (socket.writable) {
        socket.end(`HTTP/1.1 ${status} Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      }
    }
  })
  app.setErrorHandler(sendProblem)
  // Schemas of answers describe them; a member they don't know is not left out.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  acceptEmptyJson(app)

  await app.register(responseHeaders)
  await app.register(requestMetrics, { metrics: ports.metrics })
  await app.register(notFound)
  await app.register(authorization, { identity: ports.identity })
  await app.register(validation)
  await app.register(fastifySSE, { heartbeatInterval: heartbeatMs })
  await app.register(openapi)
  for (const routes of [operationRoutes, incidentRoutes, reviewRoutes, containmentRoutes, evidenceRoutes, eventRoutes]) await app.register(routes, ports)
  await app.ready()
  return app
}

/** The caller's own id of the request, where it sends a sound one. */
function requestId (request: { headers: NodeJS.Dict<string | string[]> }): string {
  const sent = request.headers['x-request-id']
  return typeof sent === 'string' && /^[\w-]{8,64}$/.test(sent) ? sent : ulid()
}

/** Many clients announce JSON also when they send nothing, as for `retry`. */
function acceptEmptyJson (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parse(request, body as string, done))
  app.removeContentTypeParser('text/plain')
}
