/**
 * Analyses and the analyst's decision.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { AnalysisRun, Incident } from '../../incident/incident.ts'
import { pageOf, PageOf, pageQuery, PageQuerystring } from '../paging.ts'
import type { AppPorts } from '../ports.ts'
import { ReleasePreview } from '../../containment/previews.ts'
import { refuse } from '../problem.ts'
import type { FieldProblem } from '../validation.ts'
import { AwaitingApproval, awaitingApproval } from './decisions.ts'
import { Comment, IncidentParams, InstanceId } from './parameters.ts'

const StartAnalysis = Type.Object({
  script: Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$', description: 'Name of an analysis package' }),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown()))
}, { additionalProperties: false })

const DECISIONS = ['close', 'extend', 'release'] as const
type ReviewDecision = typeof DECISIONS[number]

const Review = Type.Object({
  decision: Type.Enum(DECISIONS, { description: '`release` takes the containment of a false positive back' }),
  comment: Comment,
  expiresAt: Type.Optional(Type.String({ format: 'date-time', description: 'Until when `extend` keeps the clean room' })),
  instanceIds: Type.Optional(Type.Array(InstanceId, { minItems: 1, maxItems: 20, description: 'Which instances to `release`; all that are contained when left out' })),
  keepReplacement: Type.Optional(Type.Boolean({ description: 'On `release`, the instance that Auto Scaling started in its place goes on in the group' })),
  dryRun: Type.Optional(Type.Boolean({ description: 'Answer what `release` would take back and record nothing' }))
}, { additionalProperties: false })

/** The decision that a field belongs to. */
const ONLY_FOR: Record<string, ReviewDecision> = { expiresAt: 'extend', instanceIds: 'release', keepReplacement: 'release', dryRun: 'release' }

export const reviewRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { incidents, containment }) => {
  app.get('/incidents/:id/analyses', {
    schema: { summary: 'List analyses', params: IncidentParams, querystring: PageQuerystring, response: { 200: PageOf(AnalysisRun) } }
  }, async ({ params, query }) => pageOf((await incidents.get(params.id)).analyses, pageQuery(query), ({ id }) => id))

  app.post('/incidents/:id/analyses', {
    schema: { summary: 'Run one more analysis in the clean room', params: IncidentParams, body: StartAnalysis, response: { 202: AnalysisRun } }
  }, async (request, reply) => await reply.code(202).send(await incidents.startAnalysis(request.params.id, request.body, request.caller)))

  app.post('/incidents/:id/review', {
    schema: {
      summary: 'Decide on an incident',
      description: '`close` and `extend` need an incident that is in-review. `release` may be asked for at any time after containment, also after closure, and waits until a second person approves.',
      params: IncidentParams,
      body: Review,
      response: { 200: ReleasePreview, 202: Type.Union([Incident, AwaitingApproval]) }
    }
  }, async (request, reply) => {
    const { decision, comment, expiresAt, instanceIds, keepReplacement, dryRun } = request.body
    refuse([...misplaced(request.body), ...past(expiresAt)])
    const { id } = request.params
    if (decision !== 'release') {
      return await reply.code(202).send(await incidents.review(id, { decision, comment, ...expiresAt !== undefined && { expiresAt } }, request.caller))
    }
    const choice = { ...instanceIds && { instanceIds }, ...keepReplacement !== undefined && { keepReplacement } }
    if (dryRun) return await containment.previewRelease(id, choice, request.caller)
    return await reply.code(202).send(awaitingApproval(await containment.release(id, { comment, ...choice }, request.caller)))
  })
}

/** Fields of another decision: taking no notice of them would do less than was asked for, or more. `false` asks for nothing. */
function misplaced (body: { decision: ReviewDecision } & Record<string, unknown>): FieldProblem[] {
  return Object.entries(ONLY_FOR)
    .filter(([field, decision]) => (body[field] ?? false) !== false && body.decision !== decision)
    .map(([field, decision]) => ({ path: `/${field}`, message: `is only for the decision ${decision}`, fix: `Remove it, or decide ${decision}.` }))
}

function past (expiresAt: string | undefined): FieldProblem[] {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()
    ? [{ path: '/expiresAt', message: 'is not in the future', fix: 'Name a later time, with its offset from UTC.' }]
    : []
}
