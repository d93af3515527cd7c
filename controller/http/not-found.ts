/**
 * Paths that lead nowhere, and known paths asked for in a way that they don't answer.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Refusal, sendProblem } from './problem.ts'

export const notFound = fp(async (app: FastifyInstance) => {
  const methodsOf = new Map<string, string[]>()
  app.addHook('onRoute', ({ method, url }) => {
    methodsOf.set(url, [...methodsOf.get(url) ?? [], ...[method].flat()])
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const known = [...methodsOf].find(([pattern]) => matches(pattern, path))
    if (!known) {
      return sendProblem(new Refusal({ code: 'NOT_FOUND', detail: `There is nothing at ${path}.`, fix: 'Read /openapi.json for what there is.' }), request, reply)
    }
    const [pattern, methods] = known
    reply.header('allow', methods.join(', '))
    return sendProblem(new Refusal({
      code: 'INVALID_REQUEST', status: 405, title: 'Method not allowed', detail: `${pattern} does not answer ${request.method}.`, fix: `Use ${methods.join(' or ')}.`
    }), request, reply)
  })
}, { name: 'not-found' })

function matches (pattern: string, path: string): boolean {
  const [parts, asked] = [pattern.split('/'), path.split('/')]
  return parts.length === asked.length && parts.every((part, index) => part.startsWith(':') ? asked[index] !== '' : part === asked[index])
}
