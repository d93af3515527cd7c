/**
 * Headers of every answer: nothing of it is kept, framed, sniffed or run by a browser.
 */
import fp from 'fastify-plugin'

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': 'default-src \'none\'; frame-ancestors \'none\'',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY'
}

export function headersOf ({ id }: { id: string }): Record<string, string> {
  return { ...HEADERS, 'x-request-id': id }
}

export const responseHeaders = fp(async (app) => {
  app.addHook('onRequest', async (request, reply) => { reply.headers(headersOf(request)) })
}, { name: 'response-headers' })
