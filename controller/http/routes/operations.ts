/**
 * For whoever runs the controller: alive, ready or what is missing, metrics.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { AppPorts } from '../ports.ts'

const Ready = Type.Object({
  ready: Type.Boolean(),
  missing: Type.Array(Type.String(), { description: 'Names of the checks that failed' }),
  checks: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() }))
})

export const operationRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { health, metrics }) => {
  app.get('/healthz', {
    schema: { summary: 'Whether the process answers', response: { 200: Type.Object({ ok: Type.Boolean() }) } }
  }, async () => ({ ok: true }))

  app.get('/readyz', {
    schema: { summary: 'Whether all that the controller needs is there', response: { 200: Ready, 503: Ready } }
  }, async (_, reply) => {
    const checks = await health.ready()
    const missing = checks.filter(({ ok }) => !ok).map(({ name }) => name)
    return await reply.code(missing.length === 0 ? 200 : 503).send({ ready: missing.length === 0, missing, checks })
  })

  app.get('/metrics', {
    schema: { summary: 'Metrics in Prometheus\' text format', produces: ['text/plain'] }
  }, async (_, reply) => await reply.type(metrics.contentType).send(await metrics.metrics()))
}
