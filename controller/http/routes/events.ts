/**
 * An incident's events as they happen: server-sent events (WHATWG HTML, section 9.2) that a reader who lost
 * the connection takes up again with Last-Event-ID.
 */
import { once } from 'node:events'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { AppPorts } from '../ports.ts'
import { IncidentParams } from './parameters.ts'

export const eventRoutes: FastifyPluginAsyncTypebox<AppPorts> = async (app, { incidents }) => {
  const closing = new AbortController()
  // Before the server waits for its connections to end, which these would never do.
  app.addHook('preClose', async () => { closing.abort() })

  app.get('/incidents/:id/events', {
    sse: 'manual',
    exposeHeadRoute: false,
    schema: {
      summary: 'Follow an incident',
      description: 'Server-sent events: `id` is the event\'s number, `event` its type, `data` the JSON of `{seq, at, type, data}`.',
      params: IncidentParams,
      headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$', description: 'Events after this one' })) })
    }
  }, async (request, reply) => {
    const { id } = request.params
    // While a problem document can still be sent.
    await incidents.get(id)
    const left = new AbortController()
    reply.sse.onClose(() => { left.abort() })
    // Not AbortSignal.any: Node 20 may collect what it answers while somebody still listens to it.
    const leave = (): void => { left.abort() }
    closing.signal.addEventListener('abort', leave, { once: true })
    const { signal } = left
    signal.addEventListener('abort', () => { closing.signal.removeEventListener('abort', leave) }, { once: true })
    if (closing.signal.aborted) leave()
    const ended = once(signal, 'abort')
    reply.sse.sendHeaders()
    for await (const event of incidents.events(id, Number(request.headers['last-event-id'] ?? 0), signal)) {
      if (signal.aborted) break
      // A reader who went away while data waited for it would never take it.
      await Promise.race([reply.sse.send({ id: String(event.seq), event: event.type, data: event }), ended])
    }
  })
}
