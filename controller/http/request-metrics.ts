/**
 * Durations of requests by route, method and status, for Prometheus.
 */
import fp from 'fastify-plugin'
import { Histogram, type Registry } from 'prom-client'

export const requestMetrics = fp<{ metrics: Registry }>(async (app, { metrics }) => {
  const durations = new Histogram({
    name: 'cleanroom_http_request_duration_seconds',
    help: 'Time from the request to the end of its answer',
    labelNames: ['method', 'route', 'status'] as const,
    registers: [metrics]
  })
  app.addHook('onResponse', async (request, reply) => {
    // A live stream lasts as long as its reader wants.
    if (request.routeOptions.url?.endsWith('/events')) return
    // The path as written would make one series for every incident.
    durations.observe({ method: request.method, route: request.routeOptions.url ?? 'unknown', status: String(reply.statusCode) }, reply.elapsedTime / 1000)
  })
}, { name: 'request-metrics' })
