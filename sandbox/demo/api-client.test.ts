import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ApiClient } from './api-client.ts'

describe('the client of the API', () => {
  let server: Server
  let asked: Array<{ method: string, at: number }>
  /** Statuses to answer with, in order, each with the seconds of `Retry-After`; 200 when there is none left. */
  let answers: Array<{ status: number, retryAfter?: string }>

  beforeEach(async () => {
    asked = []
    answers = []
    server = createServer((request: IncomingMessage, response) => {
      asked.push({ method: request.method!, at: Date.now() })
      const { status, retryAfter } = answers.shift() ?? { status: 200 }
      response.writeHead(status, { 'content-type': 'application/json', ...retryAfter !== undefined && { 'retry-after': retryAfter } }).end('{"ok":true}')
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const client = (patienceMs?: number): ApiClient =>
    new ApiClient(() => `http://127.0.0.1:${(server.address() as AddressInfo).port}`, patienceMs === undefined ? {} : { patienceMs })

  it('reads again after the time that a 503 names', async () => {
    answers = [{ status: 503, retryAfter: '1' }, { status: 503, retryAfter: '0' }]
    assert.deepEqual(await client().call('GET', '/incidents', 'token'), { ok: true })
    assert.equal(asked.length, 3)
    assert.ok(asked[1]!.at - asked[0]!.at >= 990)
  })

  it('reads again after a 503 that names no time', async () => {
    answers = [{ status: 503 }]
    assert.deepEqual(await client().call('GET', '/incidents', 'token'), { ok: true })
    assert.ok(asked[1]!.at - asked[0]!.at >= 500)
  })

  it('gives up a read that would take longer than it has patience, and says what was answered', async () => {
    answers = Array.from({ length: 1_000 }, () => ({ status: 503, retryAfter: '0' }))
    await assert.rejects(client(200).call('GET', '/incidents', 'token'), /GET \/incidents: 503 \{"ok":true\}/)
    answers = [{ status: 503, retryAfter: '3600' }]
    await assert.rejects(client().call('GET', '/incidents', 'token'), /503/)
  })

  it('neither repeats a change nor a read that waiting does not help', async () => {
    answers = [{ status: 503, retryAfter: '0' }, { status: 500 }]
    await assert.rejects(client().call('POST', '/incidents', 'token', {}), /503/)
    await assert.rejects(client().call('GET', '/incidents', 'token'), /500/)
    assert.deepEqual(asked.map(({ method }) => method), ['POST', 'GET'])
  })
})
