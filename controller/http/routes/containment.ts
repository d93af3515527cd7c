/**
 * Containment after the first: once more, taken further, and the second person's word.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { RUNGS } from '../../containment/plan.ts'
import { ContainmentPolicy, Incident } from '../../incident/incident.ts'
import type { AppPorts } from '../ports.ts'
import { EscalationPreview } from '../../containment/previews.ts'
import { refuse } from '../problem.ts'
import type { FieldProblem } from '../validation.ts'
import { AwaitingApproval, awaitingApproval } from './decisions.ts'
import { Comment, IncidentParams, InstanceIds } from './parameters.ts'

const Contain = Type.Object({
  comment: Comment,
  instanceIds: Type.Optional(InstanceIds),
  mode: Type.Optional(ContainmentPolicy.properties.mode),
  rungs: Type.Optional(Type.Array(Type.Enum(RUNGS), { minItems: 1, uniqueItems: true, description: 'Further rungs, which hit others or can\'t be undone whole' })),
  dryRun: Type.Optional(Type.Boolean({ description: 'Answer what the rungs would change and record nothing' }))
}, { additionalProperties: false })

const Approval = Type.Object({
  decisionId: Type.String({ pattern: '^[0-9A-Za-z_-]{1,64}$', description: 'Of one of the incident\'s decisions' }),
  approve: Type.Boolean(),
  comment: Comment
}, { additionalProperties: false })

export const containmentRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { containment }) => {
  app.post('/incidents/:id/containment', {
    schema: {
      summary: 'Contain again, or take the containment further',
      description: 'Without rungs: contains from what is there now, also after a release. With rungs: waits until a second person approves.',
      params: IncidentParams,
      body: Contain,
      response: { 200: EscalationPreview, 202: Type.Union([Incident, AwaitingApproval]) }
    }
  }, async (request, reply) => {
    const { comment, instanceIds, mode, rungs, dryRun } = request.body
    refuse(misplaced(request.body))
    const { params: { id }, caller } = request
    const whom = { ...instanceIds && { instanceIds } }
    if (!rungs) return await reply.code(202).send(await containment.contain(id, { comment, ...whom, ...mode !== undefined && { mode } }, caller))
    if (dryRun) return await containment.previewEscalation(id, { ...whom, rungs }, caller)
    return await reply.code(202).send(awaitingApproval(await containment.escalate(id, { comment, ...whom, rungs }, caller)))
  })

  app.post('/incidents/:id/approvals', {
    schema: {
      summary: 'Approve or refuse what another person asked for',
      description: 'Who asked for it can\'t approve it. What is approved is then done; follow the incident.',
      params: IncidentParams,
      body: Approval,
      response: { 202: Incident }
    }
  }, async ({ params, body, caller }, reply) => await reply.code(202).send(await containment.approve(params.id, body, caller)))
}

/** Fields that the other use of the call has. */
function misplaced ({ mode, rungs, dryRun }: { mode?: string, rungs?: string[], dryRun?: boolean }): FieldProblem[] {
  return [
    ...mode !== undefined && rungs ? [{ path: '/mode', message: 'is only for containing again, without rungs', fix: 'Remove it, or send two requests.' }] : [],
    ...dryRun && !rungs ? [{ path: '/dryRun', message: 'is only for rungs', fix: 'Name `rungs`; POST /incidents with `dryRun` answers the plan of containment itself.' }] : []
  ]
}
