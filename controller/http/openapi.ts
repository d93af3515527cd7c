/**
 * The API described by OpenAPI 3.1, from the same schemas that check its requests.
 */
import fastifySwagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { ERRORS } from '../incident/errors.ts'
import { ACCESS } from './authorization.ts'

/** What every call may answer instead. */
export const ProblemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  code: Type.Enum(Object.keys(ERRORS) as [string, ...string[]]),
  fix: Type.String({ description: 'What to do about it' }),
  requestId: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String(), fix: Type.String() })))
}, { description: 'RFC 9457 problem details' })

export const openapi = fp(async (app: FastifyInstance) => {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Cleanroom', description: 'Incident response for Amazon EC2: contain, preserve, examine in a clean room, and prove it.', version: '1' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } }
    },
    transform: ({ schema, url, route }) => {
      const call = `${[route.method].flat()[0]} ${url}`
      const allowed = ACCESS[call]
      const noToken = !Array.isArray(allowed)
      return {
        url,
        schema: {
          ...schema,
          security: noToken ? [] : [{ bearer: [] }],
          ...!noToken && { description: [schema?.description, `Roles: ${allowed.join(', ')}.`].filter(Boolean).join(' ') },
          response: {
            ...schema?.response as object,
            default: {
              description: 'A problem',
              headers: { 'Retry-After': { description: 'Seconds after which the same request may succeed; only where waiting helps', schema: { type: 'integer' } } },
              content: { 'application/problem+json': { schema: ProblemSchema } }
            }
          }
        }
      }
    }
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}, { name: 'openapi' })
