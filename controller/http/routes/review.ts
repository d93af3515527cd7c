/**
 * Analyses and the analyst's decision.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { AnalysisRun, Incident } from '../../incident/incident.ts'
import { pageOf, PageOf, pageQuery, PageQuerystring } from '../paging.ts'
import type { AppPorts } from '../ports.ts'
import { Refusal } from '../problem.ts'
import { IncidentParams } from './parameters.ts'

const StartAnalysis = Type.Object({
  script: Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$', description: 'Name of an analysis package' }),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown()))
}, { additionalProperties: false })

const Review = Type.Object({
  decision: Type.Enum(['close', 'extend']),
  comment: Type.String({ pattern: '\\S', maxLength: 4000 }),
  expiresAt: Type.Optional(Type.String({ format: 'date-time', description: 'Until when `extend` keeps the clean room' }))
}, { additionalProperties: false })

export const reviewRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { incidents }) => {
  app.get('/incidents/:id/analyses', {
    schema: { summary: 'List analyses', params: IncidentParams, querystring: PageQuerystring, response: { 200: PageOf(AnalysisRun) } }
  }, async ({ params, query }) => pageOf((await incidents.get(params.id)).analyses, pageQuery(query), ({ id }) => id))

  app.post('/incidents/:id/analyses', {
    schema: { summary: 'Run one more analysis in the clean room', params: IncidentParams, body: StartAnalysis, response: { 202: AnalysisRun } }
  }, async (request, reply) => await reply.code(202).send(await incidents.startAnalysis(request.params.id, request.body, request.caller)))

  app.post('/incidents/:id/review', {
    schema: { summary: 'Decide on a reviewed incident', params: IncidentParams, body: Review, response: { 202: Incident } }
  }, async (request, reply) => {
    const { expiresAt } = request.body
    if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()) {
      throw new Refusal({
        code: 'INVALID_REQUEST',
        detail: '/expiresAt is not in the future.',
        errors: [{ path: '/expiresAt', message: 'is not in the future', fix: 'Name a later time, with its offset from UTC.' }]
      })
    }
    return await reply.code(202).send(await incidents.review(request.params.id, request.body, request.caller))
  })
}
