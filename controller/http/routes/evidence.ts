/**
 * Evidence and its chain of custody.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Artifact, LedgerEntry } from '../../incident/incident.ts'
import { PAGE_QUERY, PageOf, pageQuery, PageQuerystring } from '../paging.ts'
import type { AppPorts } from '../ports.ts'
import { ArtifactParams, IncidentParams } from './parameters.ts'

const ArtifactWithLink = Type.Intersect([Artifact, Type.Object({ url: Type.String({ description: 'For reading the stored bytes; expires within minutes' }) })])

const LedgerQuerystring = Type.Object({ ...PAGE_QUERY, cursor: Type.Optional(Type.Integer({ minimum: 0, description: '`nextCursor` of the page before' })) }, { additionalProperties: false })

export const evidenceRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { incidents, evidence, ledger }) => {
  app.get('/incidents/:id/evidence', {
    schema: { summary: 'List evidence', params: IncidentParams, querystring: PageQuerystring, response: { 200: PageOf(Artifact) } }
  }, async ({ params, query }) => {
    await incidents.get(params.id)
    return await evidence.list(params.id, pageQuery(query))
  })

  app.get('/incidents/:id/evidence/:artifactId', {
    schema: { summary: 'Show a piece of evidence, with a link to it', params: ArtifactParams, response: { 200: ArtifactWithLink } }
  }, async ({ params }) => {
    await incidents.get(params.id)
    const artifact = await evidence.get(params.id, params.artifactId)
    return { ...artifact, url: await evidence.url(artifact) }
  })

  app.get('/incidents/:id/ledger', {
    schema: { summary: 'The chain of custody, in order', params: IncidentParams, querystring: LedgerQuerystring, response: { 200: PageOf(LedgerEntry) } }
  }, async ({ params, query }) => {
    await incidents.get(params.id)
    const { limit } = pageQuery({ limit: query.limit })
    const entries = await ledger.list(params.id, { after: query.cursor ?? 0, limit: limit + 1 })
    const items = entries.slice(0, limit)
    return { items, ...entries.length > limit && { nextCursor: String(items.at(-1)!.seq) } }
  })
}
