import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify'
import { Value } from 'typebox/value'
import { fromDatabase } from '../database/database-errors.ts'
import { CleanroomError, ERRORS, type ErrorCode } from '../incident/errors.ts'
import { buildApp } from './app.ts'
import { ACCESS, authorization } from './authorization.ts'
import { ARTIFACT, DECISION, ESCALATION_PREVIEW, EVENTS, fakePorts, INCIDENT, INCIDENT_ID, RELEASE_PREVIEW, type Fakes } from './fake-ports.ts'
import { ProblemSchema } from './openapi.ts'
import { ROLES } from './ports.ts'
import type { ProblemDocument } from './problem.ts'
import type { FieldProblem } from './validation.ts'

const INSTANCE = 'i-0123456789abcdef0'
const OPEN = { instanceId: INSTANCE, reason: 'beaconing' }

/** A valid body for each call that takes one. */
const BODIES: Record<string, object> = {
  'POST /incidents': OPEN,
  'POST /incidents/:id/analyses': { script: 'disk-analysis' },
  'POST /incidents/:id/review': { decision: 'close', comment: 'done' },
  'POST /incidents/:id/containment': { comment: 'somebody put a group back' },
  'POST /incidents/:id/approvals': { decisionId: DECISION.id, approve: true, comment: 'agreed' }
}

describe('the API', () => {
  let fakes: Fakes
  let app: FastifyInstance

  beforeEach(async () => {
    fakes = fakePorts()
    app = await buildApp(fakes.ports, { heartbeatMs: 50 })
  })
  afterEach(async () => { await app.close() })

  async function ask (method: InjectOptions['method'], url: string, { token = 'admin', body, headers = {} }: { token?: string | null, body?: unknown, headers?: Record<string, string> } = {}): Promise<LightMyRequestResponse> {
    return await app.inject({
      method, url, headers: { ...token !== null && { authorization: `Bearer ${token}` }, ...headers }, ...body !== undefined && { payload: body as object }
    })
  }

  function problemOf (response: LightMyRequestResponse, code: ErrorCode, status: number = ERRORS[code].status): ProblemDocument & { errors: FieldProblem[] } {
    const problem = response.json<ProblemDocument & { errors: FieldProblem[] }>()
    assert.equal(response.statusCode, status, response.body)
    assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
    assert.ok(Value.Check(ProblemSchema, problem), JSON.stringify(Value.Errors(ProblemSchema, problem)))
    assert.deepEqual([problem.code, problem.status, problem.type], [code, status, `urn:cleanroom:problem:${code}`])
    assert.equal(problem.requestId, response.headers['x-request-id'])
    return problem
  }

  function concrete (call: string): [method: InjectOptions['method'], url: string] {
    const [method, pattern] = call.split(' ') as [InjectOptions['method'], string]
    return [method, pattern.replace(':id', INCIDENT_ID).replace(':artifactId', ARTIFACT.id)]
  }

  describe('lets each role do what the table says, and nothing else:', () => {
    for (const [call, allowed] of Object.entries(ACCESS)) {
      // A stream does not end; it has tests of its own.
      const streams = call.endsWith('/events')
      if (allowed === 'no token') {
        it(`${call} without a token`, async () => { assert.equal((await ask(...concrete(call), { token: null })).statusCode, 200) })
        continue
      }
      it(`${call} not without a token`, async () => {
        const response = await ask(...concrete(call), { token: null, body: BODIES[call] })
        problemOf(response, 'UNAUTHENTICATED')
        assert.equal(response.headers['www-authenticate'], 'Bearer realm="cleanroom"')
        assert.deepEqual(fakes.asked, [])
      })
      it(`${call} not with a token without roles`, async () => {
        problemOf(await ask(...concrete(call), { token: 'none', body: BODIES[call] }), 'FORBIDDEN')
      })
      for (const role of ROLES) {
        if (!allowed.includes(role)) {
          it(`${call} not ${role}`, async () => {
            const problem = problemOf(await ask(...concrete(call), { token: role, body: BODIES[call] }), 'FORBIDDEN')
            assert.deepEqual(problem.requires, allowed)
            assert.deepEqual(fakes.asked, [])
          })
        } else if (!streams) {
          it(`${call} ${role}`, async () => {
            const { statusCode, body } = await ask(...concrete(call), { token: role, body: BODIES[call] })
            assert.equal(statusCode, call.startsWith('GET') ? 200 : 202, body)
          })
        }
      }
    }
  })

  it('names what is wrong with a token, and nothing when there is none', async () => {
    const refused = await ask('GET', '/incidents', { token: 'stale' })
    problemOf(refused, 'UNAUTHENTICATED')
    assert.equal(refused.headers['www-authenticate'], 'Bearer realm="cleanroom", error="invalid_token", error_description="The token has expired."')
    problemOf(await ask('GET', '/incidents', { token: null, headers: { authorization: 'Basic YTpi' } }), 'UNAUTHENTICATED')
  })

  it('does not open a route that the access table has not', async () => {
    const bare = Fastify()
    await bare.register(authorization, { identity: fakes.ports.identity })
    bare.get('/healthz', async () => 'alive')
    assert.throws(() => { bare.get('/backdoor', async () => 'open') }, /GET \/backdoor is not in the access table/)
    await bare.close()
  })

  describe('POST /incidents', () => {
    it('answers 202 with the incident and where it is', async () => {
      const response = await ask('POST', '/incidents', {
        token: 'responder', body: { ...OPEN, accountId: '123456789012', region: 'us-gov-west-1', severity: 'critical', ticket: 'SEC-7', plan: { analyses: [] } }, headers: { 'idempotency-key': 'key-1' }
      })
      assert.equal(response.statusCode, 202)
      assert.equal(response.headers.location, `/incidents/${INCIDENT_ID}`)
      assert.deepEqual(response.json(), INCIDENT)
      assert.deepEqual(fakes.asked, [{
        port: 'open',
        with: [
          { instanceIds: [INSTANCE], reason: 'beaconing', accountId: '123456789012', region: 'us-gov-west-1', severity: 'critical', ticket: 'SEC-7', plan: { analyses: [] }, idempotencyKey: 'key-1' },
          { subject: 'responder@example.org', name: 'responder', roles: ['responder'] }
        ]
      }])
    })

    it('takes up to 20 instances', async () => {
      const instanceIds = Array.from({ length: 20 }, (_, index) => `i-${String(index).padStart(8, '0')}`)
      assert.equal((await ask('POST', '/incidents', { body: { instanceIds, reason: 'worm' } })).statusCode, 202)
      problemOf(await ask('POST', '/incidents', { body: { instanceIds: [...instanceIds, INSTANCE], reason: 'worm' } }), 'INVALID_REQUEST')
      assert.equal(fakes.asked.length, 1)
    })

    it('answers the plan of a dry run and opens nothing', async () => {
      const response = await ask('POST', '/incidents', { body: { ...OPEN, dryRun: true } })
      assert.equal(response.statusCode, 200)
      assert.deepEqual(response.json(), { dryRun: true, targets: [] })
      assert.deepEqual(fakes.asked.map(({ port }) => port), ['plan'])
    })

    const REFUSED: Array<[what: string, body: unknown, paths: string[]]> = [
      ['a malformed instance id', { ...OPEN, instanceId: 'i-12345' }, ['/instanceId']],
      ['an instance id in capitals', { ...OPEN, instanceId: INSTANCE.toUpperCase() }, ['/instanceId']],
      ['an id that goes on after a line feed', { ...OPEN, instanceId: `${INSTANCE}\n` }, ['/instanceId']],
      ['an id of another kind among several', { instanceIds: [INSTANCE, 'vol-0123456789abcdef0'], reason: 'x' }, ['/instanceIds/1']],
      ['no instance', { reason: 'x' }, ['/']],
      ['one instance and several', { ...OPEN, instanceIds: [INSTANCE] }, ['/']],
      ['an empty list of instances', { instanceIds: [], reason: 'x' }, ['/instanceIds']],
      ['no reason', { instanceId: INSTANCE }, ['/reason']],
      ['a blank reason', { ...OPEN, reason: ' \t' }, ['/reason']],
      ['a reason that is a number', { ...OPEN, reason: 7 }, ['/reason']],
      ['an account that is none', { ...OPEN, accountId: '12345' }, ['/accountId']],
      ['a Region that is none', { ...OPEN, region: 'frankfurt' }, ['/region']],
      ['an unknown severity', { ...OPEN, severity: 'urgent' }, ['/severity']],
      ['a ticket that no tag may hold', { ...OPEN, ticket: 'SEC<7>' }, ['/ticket']],
      ['an unknown field', { ...OPEN, instanceID: INSTANCE }, ['/instanceID']],
      ['an unknown field deep in the plan', { ...OPEN, plan: { containment: { 're/place': true } } }, ['/plan/containment/re~1place']],
      ['text that can\'t be stored', { ...OPEN, reason: 'a\0b' }, ['/reason']],
      ['a list', [OPEN], ['/']],
      ['nothing', undefined, ['/']],
      ['all of it at once', { instanceId: 'x', instanceIds: ['y'], severity: 'z', dryRun: 'yes', foo: 1, bar: 2, accountId: 1, region: 2, ticket: 3, plan: 4 },
        ['/', '/accountId', '/bar', '/dryRun', '/foo', '/instanceId', '/instanceIds/0', '/plan', '/reason', '/region', '/severity', '/ticket']]
    ]
    for (const [what, body, paths] of REFUSED) {
      it(`refuses ${what}, and says where and what to do`, async () => {
        const { errors } = problemOf(await ask('POST', '/incidents', { body }), 'INVALID_REQUEST')
        assert.deepEqual(errors.map(({ path }) => path).sort(), paths)
        for (const { message, fix } of errors) assert.ok(message.length > 5 && fix.length > 5)
        assert.deepEqual(fakes.asked, [])
      })
    }

    it('refuses an idempotency key that is none', async () => {
      const { errors } = problemOf(await ask('POST', '/incidents', { body: OPEN, headers: { 'idempotency-key': 'a b' } }), 'INVALID_REQUEST')
      assert.deepEqual(errors.map(({ path }) => path), ['/headers/idempotency-key'])
    })
  })

  describe('a decision that needs two people', () => {
    const url = `/incidents/${INCIDENT_ID}`
    const analyst = { subject: 'analyst@example.org', name: 'analyst', roles: ['analyst'] }
    const responder = { subject: 'responder@example.org', name: 'responder', roles: ['responder'] }
    const waiting = { awaiting: 'approval', decisionId: DECISION.id, decision: DECISION, incident: INCIDENT }

    it('is asked for by a review that says release, and waits', async () => {
      const response = await ask('POST', `${url}/review`, { token: 'analyst', body: { decision: 'release', comment: 'a load test', instanceIds: [INSTANCE], keepReplacement: true, dryRun: false } })
      assert.equal(response.statusCode, 202)
      assert.deepEqual(response.json(), waiting)
      assert.deepEqual(fakes.asked, [{ port: 'release', with: [INCIDENT_ID, { comment: 'a load test', instanceIds: [INSTANCE], keepReplacement: true }, analyst] }])
    })

    it('is asked for by a containment that names rungs, and waits', async () => {
      const response = await ask('POST', `${url}/containment`, { token: 'responder', body: { comment: 'it still talks', rungs: ['network-acl', 'stop-instance'] } })
      assert.equal(response.statusCode, 202)
      assert.deepEqual(response.json(), waiting)
      assert.deepEqual(fakes.asked, [{ port: 'escalate', with: [INCIDENT_ID, { comment: 'it still talks', rungs: ['network-acl', 'stop-instance'] }, responder] }])
    })

    it('is shown and not recorded by a dry run', async () => {
      const release = await ask('POST', `${url}/review`, { token: 'analyst', body: { decision: 'release', comment: 'a load test', dryRun: true } })
      const escalation = await ask('POST', `${url}/containment`, { token: 'responder', body: { comment: 'it still talks', instanceIds: [INSTANCE], rungs: ['network-acl'], dryRun: true } })
      assert.deepEqual([release.statusCode, release.json()], [200, RELEASE_PREVIEW])
      assert.deepEqual([escalation.statusCode, escalation.json()], [200, ESCALATION_PREVIEW])
      assert.deepEqual(fakes.asked, [
        { port: 'previewRelease', with: [INCIDENT_ID, {}, analyst] },
        { port: 'previewEscalation', with: [INCIDENT_ID, { instanceIds: [INSTANCE], rungs: ['network-acl'] }, responder] }
      ])
    })

    it('is made by an approver, yes or no', async () => {
      for (const approve of [true, false]) {
        const response = await ask('POST', `${url}/approvals`, { token: 'approver', body: { decisionId: DECISION.id, approve, comment: 'seen' } })
        assert.deepEqual([response.statusCode, response.json()], [202, INCIDENT])
      }
      assert.deepEqual(fakes.asked.map(({ port, with: [, approval] }) => [port, approval]), [true, false].map((approve) => ['approve', { decisionId: DECISION.id, approve, comment: 'seen' }]))
    })

    it('is not made by who asked for it', async () => {
      fakes.failWith(new CleanroomError('SAME_PERSON', 'admin@example.org asked for it; somebody else must decide.'))
      problemOf(await ask('POST', `${url}/approvals`, { body: BODIES['POST /incidents/:id/approvals'] }), 'SAME_PERSON')
    })
  })

  it('contains again in the mode that is asked for, without anybody\'s approval', async () => {
    const response = await ask('POST', `/incidents/${INCIDENT_ID}/containment`, { token: 'responder', body: { comment: 'capture is over', instanceIds: [INSTANCE], mode: 'full' } })
    assert.deepEqual([response.statusCode, response.json()], [202, INCIDENT])
    assert.deepEqual(fakes.asked.map(({ port, with: [id, request] }) => [port, id, request]), [['contain', INCIDENT_ID, { comment: 'capture is over', instanceIds: [INSTANCE], mode: 'full' }]])
  })

  it('closes and extends without the fields of a release', async () => {
    const expiresAt = new Date(Date.now() + 60_000).toISOString()
    await ask('POST', `/incidents/${INCIDENT_ID}/review`, { body: { decision: 'extend', comment: 'more to read', expiresAt } })
    await ask('POST', `/incidents/${INCIDENT_ID}/review`, { body: { decision: 'close', comment: 'done', dryRun: false } })
    assert.deepEqual(fakes.asked.map(({ port, with: [, request] }) => [port, request]), [
      ['review', { decision: 'extend', comment: 'more to read', expiresAt }], ['review', { decision: 'close', comment: 'done' }]
    ])
  })

  describe('names each field that does not belong to what is asked for', () => {
    const future = '2999-01-01T00:00:00Z'
    for (const [what, call, body, paths] of [
      ['fields of a release with close', 'review', { decision: 'close', comment: 'x', instanceIds: [INSTANCE], keepReplacement: true, dryRun: true }, ['/dryRun', '/instanceIds', '/keepReplacement']],
      ['a time with close', 'review', { decision: 'close', comment: 'x', expiresAt: future }, ['/expiresAt']],
      ['a time with release', 'review', { decision: 'release', comment: 'x', expiresAt: future }, ['/expiresAt']],
      ['a dry run of an extension', 'review', { decision: 'extend', comment: 'x', dryRun: true }, ['/dryRun']],
      ['a release of no instance', 'review', { decision: 'release', comment: 'x', instanceIds: [] }, ['/instanceIds']],
      ['a release of something else', 'review', { decision: 'release', comment: 'x', instanceIds: ['vol-0123456789abcdef0'] }, ['/instanceIds/0']],
      ['a mode with rungs', 'containment', { comment: 'x', mode: 'full', rungs: ['network-acl'] }, ['/mode']],
      ['a dry run without rungs', 'containment', { comment: 'x', dryRun: true }, ['/dryRun']],
      ['no rung', 'containment', { comment: 'x', rungs: [] }, ['/rungs']],
      ['an unknown rung', 'containment', { comment: 'x', rungs: ['terminate-instance'] }, ['/rungs/0']],
      ['a rung twice', 'containment', { comment: 'x', rungs: ['network-acl', 'network-acl'] }, ['/rungs']],
      ['an unknown mode', 'containment', { comment: 'x', mode: 'open' }, ['/mode']],
      ['containment without a comment', 'containment', {}, ['/comment']],
      ['an approval of nothing', 'approvals', { approve: true, comment: 'x' }, ['/decisionId']],
      ['an approval that says neither yes nor no', 'approvals', { decisionId: DECISION.id, approve: 'yes', comment: 'x' }, ['/approve']],
      ['an approval without a comment', 'approvals', { decisionId: DECISION.id, approve: true, comment: ' ' }, ['/comment']]
    ] as Array<[string, string, object, string[]]>) {
      it(what, async () => {
        const { errors } = problemOf(await ask('POST', `/incidents/${INCIDENT_ID}/${call}`, { body }), 'INVALID_REQUEST')
        assert.deepEqual(errors.map(({ path }) => path).sort(), paths)
        for (const { message, fix } of errors) assert.ok(message.length > 5 && fix.length > 5)
        assert.deepEqual(fakes.asked, [])
      })
    }
  })

  describe('refuses as a problem document', () => {
    const json = { 'content-type': 'application/json' }
    for (const [what, method, url, options, code, status] of [
      ['JSON that is broken', 'POST', '/incidents', { body: '{"a"', headers: json }, 'INVALID_REQUEST', 400],
      ['JSON that would set a prototype', 'POST', '/incidents', { body: '{"__proto__":{"x":1}}', headers: json }, 'INVALID_REQUEST', 400],
      ['a body of another type', 'POST', '/incidents', { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 'INVALID_REQUEST', 415],
      ['a body that is plain text', 'POST', '/incidents', { body: '{}', headers: { 'content-type': 'text/plain' } }, 'INVALID_REQUEST', 415],
      ['a body that is too large', 'POST', '/incidents', { body: { ...OPEN, reason: 'x'.repeat(70_000) } }, 'INVALID_REQUEST', 413],
      ['a value nested too deeply', 'POST', `/incidents/${INCIDENT_ID}/analyses`, { body: `{"script":"x","parameters":{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`, headers: json }, 'INVALID_REQUEST', 400],
      ['a path that leads nowhere', 'GET', '/incident', {}, 'NOT_FOUND', 404],
      ['a path that is no URL', 'GET', '/incidents/%zz', {}, 'INVALID_REQUEST', 400],
      ['a method that the path has not', 'DELETE', `/incidents/${INCIDENT_ID}`, {}, 'INVALID_REQUEST', 405],
      ['an incident that is not there', 'GET', '/incidents/01unknown', {}, 'NOT_FOUND', 404],
      ['evidence of an incident that is not there', 'GET', '/incidents/01unknown/evidence', {}, 'NOT_FOUND', 404],
      ['the ledger of an incident that is not there', 'GET', '/incidents/01unknown/ledger', {}, 'NOT_FOUND', 404],
      ['events of an incident that is not there', 'GET', '/incidents/01unknown/events', {}, 'NOT_FOUND', 404],
      ['an artefact that is not there', 'GET', `/incidents/${INCIDENT_ID}/evidence/other`, {}, 'NOT_FOUND', 404],
      ['an id that no incident can have', 'GET', '/incidents/a%00b', {}, 'INVALID_REQUEST', 400],
      ['an unknown phase', 'GET', '/incidents?phase=open', {}, 'INVALID_REQUEST', 400],
      ['an unknown query parameter', 'GET', '/incidents?page=2', {}, 'INVALID_REQUEST', 400],
      ['a page without end', 'GET', '/incidents?limit=100000', {}, 'INVALID_REQUEST', 400],
      ['a decision that is none', 'POST', `/incidents/${INCIDENT_ID}/review`, { body: { decision: 'ignore', comment: 'x' } }, 'INVALID_REQUEST', 400],
      ['a decision without a comment', 'POST', `/incidents/${INCIDENT_ID}/review`, { body: { decision: 'close' } }, 'INVALID_REQUEST', 400],
      ['an extension into the past', 'POST', `/incidents/${INCIDENT_ID}/review`, { body: { decision: 'extend', comment: 'x', expiresAt: '2020-01-01T00:00:00Z' } }, 'INVALID_REQUEST', 400],
      ['a path instead of a package', 'POST', `/incidents/${INCIDENT_ID}/analyses`, { body: { script: '../../etc' } }, 'INVALID_REQUEST', 400],
      ['a body that retry does not know', 'POST', `/incidents/${INCIDENT_ID}/retry`, { body: { force: true } }, 'INVALID_REQUEST', 400]
    ] as Array<[string, InjectOptions['method'], string, Parameters<typeof ask>[2], ErrorCode, number]>) {
      it(what, async () => {
        problemOf(await ask(method, url, options), code, status)
        assert.deepEqual(fakes.asked, [])
      })
    }

    it('what is not HTTP', async () => {
      await app.listen({ port: 0, host: '127.0.0.1' })
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
      socket.end('NONSENSE\r\n\r\n')
      const answer = (await socket.toArray()).join('')
      assert.match(answer, /^HTTP\/1\.1 400 /)
      assert.match(answer, /application\/problem\+json/)
      assert.match(answer, /"code":"INVALID_REQUEST"/)
    })

    it('a wrong method, with those that are right', async () => {
      const { headers } = await ask('DELETE', '/incidents')
      assert.equal(headers.allow, 'POST, GET, HEAD')
    })
  })

  describe('answers an error of the application', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      if (code === 'INTERNAL') continue
      it(`${code} with its own status and words`, async () => {
        fakes.failWith(new CleanroomError(code, 'What happened.', { extra: { phase: 'closing', code: 'OTHER', status: 200, title: 'Other', type: 'other' } }))
        const problem = problemOf(await ask('GET', '/incidents'), code)
        assert.deepEqual([problem.detail, problem.title, problem.phase], ['What happened.', ERRORS[code].title, 'closing'])
      })
    }

    it('with the time after which to ask again where that helps, and only there', async () => {
      const waits: string[] = []
      for (const code of Object.keys(ERRORS) as ErrorCode[]) {
        fakes.failWith(new CleanroomError(code, 'What happened.'))
        const { headers, statusCode } = await ask('GET', '/incidents')
        if (headers['retry-after'] === undefined) continue
        assert.match(String(headers['retry-after']), /^[1-9][0-9]?$/)
        assert.equal(statusCode, 503)
        waits.push(code)
      }
      assert.deepEqual(waits.sort(), ['AWS_BUSY', 'AWS_THROTTLED', 'AWS_UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'IDENTITY_UNAVAILABLE'])
    })

    it('that is the database\'s, and logs what the database said', async () => {
      fakes.failWith(fromDatabase(Object.assign(new Error('terminating connection due to administrator command'), { code: '57P01' })))
      problemOf(await ask('GET', `/incidents/${INCIDENT_ID}`), 'DATABASE_UNAVAILABLE')
      assert.ok(fakes.log.some((line) => line.includes('administrator command') && line.includes('DATABASE_UNAVAILABLE')))
    })

    it('also when the durable engine gave it back without its class', async () => {
      fakes.failWith(Object.assign(new Error('The stack failed.'), { name: 'CleanroomError', code: 'ENGINE_FAILED' }))
      assert.equal(problemOf(await ask('GET', '/incidents'), 'ENGINE_FAILED').detail, 'The stack failed.')
    })

    for (const error of [new Error('password=hunter2'), new CleanroomError('INTERNAL', 'password=hunter2'), Object.assign(new Error('password=hunter2'), { code: '28P01', detail: 'hunter2' }), 'hunter2']) {
      it(`without a word of it when it was not foreseen (${error instanceof Error ? error.name : typeof error})`, async () => {
        fakes.failWith(error)
        const response = await ask('GET', '/incidents')
        const { requestId } = problemOf(response, 'INTERNAL')
        assert.doesNotMatch(response.body, /hunter2/)
        assert.ok(fakes.log.some((line) => line.includes(requestId) && line.includes('hunter2')), 'the log has it, under the request\'s id')
      })
    }
  })

  it('never logs a token', async () => {
    await ask('GET', '/incidents', { token: 'responder' })
    await ask('GET', '/incidents', { token: 'secret-token-of-somebody' })
    assert.ok(fakes.log.length > 0)
    assert.doesNotMatch(fakes.log.join(''), /Bearer|secret-token/)
  })

  it('keeps the caller\'s request id when it is a sound one, and makes its own otherwise', async () => {
    assert.equal((await ask('GET', '/healthz', { headers: { 'x-request-id': 'trace-1234' } })).headers['x-request-id'], 'trace-1234')
    assert.notEqual((await ask('GET', '/healthz', { headers: { 'x-request-id': 'a b"c{}' } })).headers['x-request-id'], 'a b"c{}')
  })

  it('sends no answer that a browser may keep, frame, sniff or run', async () => {
    for (const url of ['/healthz', '/nope', '/incidents']) {
      const { headers } = await ask('GET', url)
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['x-frame-options'], 'DENY')
      assert.match(String(headers['content-security-policy']), /default-src 'none'/)
    }
  })

  it('takes retry and cancel with no body, an empty one and an empty object', async () => {
    for (const what of ['retry', 'cancel']) {
      for (const options of [{}, { headers: { 'content-type': 'application/json' } }, { body: '', headers: { 'content-type': 'application/json' } }, { body: {} }]) {
        assert.equal((await ask('POST', `/incidents/${INCIDENT_ID}/${what}`, options)).statusCode, 202)
      }
    }
  })

  describe('lists', () => {
    it('go on where the cursor says, to the last page, which has none', async () => {
      for (const [what, field] of [['findings', 'id'], ['ledger', 'seq']] as const) {
        const seen: unknown[] = []
        let cursor: string | undefined
        do {
          const page: { items: Array<Record<string, unknown>>, nextCursor?: string } = (await ask('GET', `/incidents/${INCIDENT_ID}/${what}?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`)).json()
          seen.push(...page.items.map((item) => item[field]))
          cursor = page.nextCursor
        } while (cursor !== undefined)
        assert.deepEqual(seen, what === 'findings' ? ['finding-1', 'finding-2', 'finding-3'] : [1, 2, 3, 4])
      }
    })
  })

  it('gives a link to a piece of evidence, but not in the list', async () => {
    const one = (await ask('GET', `/incidents/${INCIDENT_ID}/evidence/${ARTIFACT.id}`)).json<object>()
    assert.deepEqual(one, { ...ARTIFACT, url: `https://vault.example.org/${ARTIFACT.key}?signature` })
    assert.deepEqual((await ask('GET', `/incidents/${INCIDENT_ID}/evidence`)).json(), { items: [ARTIFACT] })
  })

  it('is ready, or says what is missing by name', async () => {
    assert.deepEqual((await ask('GET', '/readyz')).json(), { ready: true, missing: [], checks: fakes.readiness })
    fakes.readiness.push({ name: 'signing key', ok: false, detail: 'disabled' })
    const response = await ask('GET', '/readyz', { token: null })
    assert.equal(response.statusCode, 503)
    assert.deepEqual(response.json<{ missing: string[] }>().missing, ['signing key'])
  })

  it('counts requests by route, not by path', async () => {
    await ask('GET', `/incidents/${INCIDENT_ID}`)
    const { body } = await ask('GET', '/metrics', { token: null })
    assert.match(body, /cleanroom_http_request_duration_seconds_count\{method="GET",route="\/incidents\/:id",status="200"\} 1/)
    assert.doesNotMatch(body, new RegExp(INCIDENT_ID))
  })

  it('describes every route by OpenAPI 3.1, with its roles and its problems', async () => {
    interface Operation { security: unknown[], description?: string, responses: Record<string, { content?: Record<string, unknown> }> }
    const document = (await ask('GET', '/openapi.json', { token: null })).json<{ openapi: string, info: object, paths: Record<string, Record<string, Operation>> }>()
    assert.match(document.openapi, /^3\.1\./)
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`))
    assert.deepEqual(described.filter((call) => !call.startsWith('HEAD')).sort(), Object.keys(ACCESS).filter((call) => call !== 'GET /openapi.json').sort())
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { security, description, responses }] of Object.entries(operations)) {
        const allowed = ACCESS[`${method === 'head' ? 'GET' : method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`]
        assert.equal(security.length, allowed === 'no token' ? 0 : 1, path)
        if (Array.isArray(allowed)) assert.ok(description?.includes(allowed.join(', ')), path)
        assert.ok('application/problem+json' in responses.default!.content!, path)
      }
    }
  })

  it('answers what its description says', async () => {
    const { paths } = (await ask('GET', '/openapi.json')).json<{ paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>> }>()
    for (const call of Object.keys(ACCESS).filter((name) => !/events|metrics|openapi/.test(name))) {
      const [method, url] = concrete(call)
      const response = await ask(method, url, { body: BODIES[call] })
      const operation = paths[call.split(' ')[1]!.replaceAll(/:(\w+)/g, '{$1}')]![String(method).toLowerCase()]!
      const schema = operation.responses[String(response.statusCode)]!.content!['application/json']!.schema
      assert.deepEqual(Value.Errors(schema, response.json()), [], call)
    }
  })

  describe('events', () => {
    let port: number
    beforeEach(async () => {
      await app.listen({ port: 0, host: '127.0.0.1' })
      port = (app.server.address() as AddressInfo).port
    })

    async function follow (headers: Record<string, string> = {}): Promise<IncomingMessage> {
      return await new Promise((resolve, reject) => {
        httpRequest({ port, host: '127.0.0.1', path: `/incidents/${INCIDENT_ID}/events`, headers: { authorization: 'Bearer analyst', ...headers } }, resolve).on('error', reject).end()
      })
    }

    /** The next so many events of a stream. */
    async function read (stream: IncomingMessage, count: number): Promise<Array<Record<string, string>>> {
      let text = ''
      for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
        text += String(chunk)
        if (text.split('\n\n').length > count) break
      }
      return text.split('\n\n').slice(0, count).map((block) => Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])))
    }

    it('come from the first, each with its number, type and content', async () => {
      const stream = await follow()
      assert.equal(stream.statusCode, 200)
      assert.equal(stream.headers['content-type'], 'text/event-stream')
      const events = await read(stream, EVENTS.length)
      assert.deepEqual(events.map(({ id }) => id), EVENTS.map(({ seq }) => String(seq)))
      assert.deepEqual(events.map(({ event }) => event), EVENTS.map(({ type }) => type))
      assert.deepEqual(events.map(({ data }) => JSON.parse(data!) as unknown), EVENTS)
      stream.destroy()
    })

    it('go on after the last one that the reader had', async () => {
      const stream = await follow({ 'last-event-id': '3' })
      assert.deepEqual((await read(stream, 2)).map(({ id }) => id), ['4', '8'])
      stream.destroy()
    })

    it('show that they are alive while nothing happens', async () => {
      const stream = await follow({ 'last-event-id': '8' })
      const [chunk] = await once(stream, 'data') as [Buffer]
      assert.equal(String(chunk), ': heartbeat\n\n')
      stream.destroy()
    })

    it('are refused after one that has no number', async () => {
      assert.equal((await follow({ 'last-event-id': 'x' })).statusCode, 400)
    })

    it('end when the controller stops, which does not wait for the reader', async () => {
      const stream = await follow()
      await read(stream, EVENTS.length)
      const ended = stream.toArray()
      await app.close()
      assert.deepEqual(await ended, [])
    })

    it('end when they can\'t be read any more, so that the reader comes back for the rest', async () => {
      const { incidents } = fakes.ports
      incidents.events = async function * () {
        yield EVENTS[0]!
        throw new CleanroomError('DATABASE_UNAVAILABLE', 'PostgreSQL is not available.')
      }
      const stream = await follow()
      const text = (await stream.toArray()).join('')
      assert.match(text, /^id: 3\n/)
      assert.ok(fakes.log.some((line) => line.includes('DATABASE_UNAVAILABLE')))
    })

    it('stop being read when the reader goes away', async () => {
      const { incidents } = fakes.ports
      const left = new Promise<void>((resolve) => {
        const { events } = incidents
        incidents.events = (id, afterSeq, signal) => {
          signal.addEventListener('abort', () => { resolve() })
          return events(id, afterSeq, signal)
        }
      })
      const stream = await follow()
      await read(stream, 1)
      stream.destroy()
      await left
    })
  })
})
