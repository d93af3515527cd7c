/**
 * Incidents: open one, see them, have a failed one go on, give one up.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Finding, Incident, Phase, PlanOverrides, Severity } from '../../incident/incident.ts'
import { PAGE_QUERY, pageOf, PageOf, pageQuery, PageQuerystring } from '../paging.ts'
import type { AppPorts } from '../ports.ts'
import { IncidentParams, InstanceId, InstanceIds } from './parameters.ts'

const OpenIncident = Type.Object({
  instanceId: Type.Optional(InstanceId),
  instanceIds: Type.Optional(InstanceIds),
  accountId: Type.Optional(Type.String({ pattern: '^[0-9]{12}$', description: 'By default the controller\'s own' })),
  region: Type.Optional(Type.String({ pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$', description: 'By default the controller\'s own' })),
  reason: Type.String({ pattern: '\\S', maxLength: 2000, description: 'Why the instance is suspect' }),
  severity: Type.Optional(Severity),
  // It becomes the value of a tag, and these are what the value of a tag may hold.
  ticket: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.:/=+@-][A-Za-z0-9 _.:/=+@-]{0,255}$', description: 'Of your own tracker; by default the incident\'s id' })),
  plan: Type.Optional(PlanOverrides),
  dryRun: Type.Optional(Type.Boolean({ description: 'Answer the plan and touch nothing' }))
}, {
  additionalProperties: false,
  oneOf: [{ required: ['instanceId'] }, { required: ['instanceIds'] }],
  description: 'Exactly one of `instanceId` and `instanceIds`'
})

const NoBody = Type.Object({}, { additionalProperties: false })

export const incidentRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { incidents }) => {
  app.post('/incidents', {
    schema: {
      summary: 'Open an incident and start the response',
      description: 'The same Idempotency-Key, or an open incident on that instance, gives the same incident.',
      headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{1,255}$' })) }),
      body: OpenIncident,
      response: { 200: Type.Object({}, { description: 'The plan of a dry run' }), 202: Incident }
    }
  }, async (request, reply) => {
    const { instanceId, instanceIds, dryRun, ...rest } = request.body
    const idempotencyKey = request.headers['idempotency-key']
    const open = { ...rest, instanceIds: instanceIds ?? [instanceId!], ...idempotencyKey !== undefined && { idempotencyKey } }
    if (dryRun) return await incidents.plan(open, request.caller)
    const { incident } = await incidents.open(open, request.caller)
    return await reply.code(202).header('location', `/incidents/${incident.id}`).send(incident)
  })

  app.get('/incidents', {
    schema: {
      summary: 'List incidents, newest first',
      querystring: Type.Object({ ...PAGE_QUERY, phase: Type.Optional(Phase) }, { additionalProperties: false }),
      response: { 200: PageOf(Incident) }
    }
  }, async ({ query }) => await incidents.list({ ...pageQuery(query), ...query.phase !== undefined && { phase: query.phase } }))

  app.get('/incidents/:id', {
    schema: { summary: 'Show an incident', params: IncidentParams, response: { 200: Incident } }
  }, async ({ params }) => await incidents.get(params.id))

  app.get('/incidents/:id/findings', {
    schema: { summary: 'What the analyses found', params: IncidentParams, querystring: PageQuerystring, response: { 200: PageOf(Finding) } }
  }, async ({ params, query }) => pageOf(await incidents.findings(params.id), pageQuery(query), ({ id }) => id))

  for (const [what, summary] of [
    ['retry', 'Have what failed run again'],
    ['cancel', 'Give the incident up: its clean room goes, containment and evidence stay']
  ] as const) {
    app.post(`/incidents/:id/${what}`, {
      schema: { summary, params: IncidentParams, body: NoBody, response: { 202: Incident } },
      preValidation: async (request) => { request.body ??= {} }
    }, async (request, reply) => await reply.code(202).send(await incidents[what](request.params.id, request.caller)))
  }
}
