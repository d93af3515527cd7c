import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { awsCode, fromAws, isGone } from './aws-errors.ts'
import { ResolverClient, type ResolverClientConfig } from './resolver-client.ts'

interface Asked { headers: IncomingHttpHeaders, body: unknown }
/** What the server answers to one request after the other; `hang` never does. */
type Answer = { status?: number, headers?: Record<string, string>, body?: string } | 'hang' | 'cut'

describe('The client for Route 53 Resolver', () => {
  let server: Server
  let endpoint: string
  let asked: Asked[]
  let answers: Answer[]

  before(async () => {
    server = createServer((request, response) => {
      let text = ''
      request.on('data', (part: Buffer) => { text += part.toString() }).on('end', () => {
        asked.push({ headers: request.headers, body: JSON.parse(text) })
        const answer = answers.shift() ?? {}
        if (answer === 'cut') request.socket.destroy()
        if (answer === 'hang' || answer === 'cut') return
        response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? '{}')
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => { server.once('listening', resolve) })
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => { [asked, answers] = [[], []] })

  const client = (more: Partial<ResolverClientConfig> = {}): ResolverClient =>
    new ResolverClient({ region: 'eu-central-1', endpoint, credentials: { accessKeyId: 'AKID', secretAccessKey: 'never-sent' }, maxAttempts: 3, ...more })
  const refused = (status: number, type: string): Answer => ({ status, body: JSON.stringify({ __type: type, Message: 'no' }) })
  const list = async (more: Partial<ResolverClientConfig> = {}) => await client(more).call('ListFirewallRuleGroups', { MaxResults: 5 })
  const failure = async (more: Partial<ResolverClientConfig> = {}): Promise<unknown> => await list(more).then(() => assert.fail('it was answered'), (error: unknown) => error)

  it('sends the call in AWS JSON 1.1, signed for the service and Region, and answers what AWS does', async () => {
    answers = [{ body: '{"FirewallRuleGroups":[{"Id":"rslvr-frg-1","Name":"one"}]}' }]
    assert.deepEqual(await list(), { FirewallRuleGroups: [{ Id: 'rslvr-frg-1', Name: 'one' }] })
    const { headers, body } = asked[0]!
    assert.deepEqual(body, { MaxResults: 5 })
    assert.equal(headers['x-amz-target'], 'Route53Resolver.ListFirewallRuleGroups')
    assert.equal(headers['content-type'], 'application/x-amz-json-1.1')
    assert.match(headers.authorization!, /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/route53resolver\/aws4_request, SignedHeaders=\S*host\S*x-amz-date/)
    assert.ok(!JSON.stringify(headers).includes('never-sent'))
  })

  it('asks for credentials for each attempt, so that a session that ended is replaced', async () => {
    answers = [{ status: 503 }]
    let session = 0
    await list({ credentials: async () => ({ accessKeyId: `ASIA${++session}`, secretAccessKey: 's', sessionToken: `token-${session}` }) })
    assert.deepEqual(asked.map(({ headers }) => headers['x-amz-security-token']), ['token-1', 'token-2'])
    assert.match(asked[1]!.headers.authorization!, /Credential=ASIA2\//)
  })

  it('finds the endpoint where the SDKs look for it', async () => {
    const { AWS_ENDPOINT_URL: former } = process.env
    try {
      process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:9'
      process.env.AWS_ENDPOINT_URL_ROUTE53RESOLVER = endpoint
      const { credentials, region } = { credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, region: 'eu-central-1' }
      await new ResolverClient({ region, credentials }).call('ListFirewallRuleGroups', {})
      delete process.env.AWS_ENDPOINT_URL_ROUTE53RESOLVER
      process.env.AWS_ENDPOINT_URL = endpoint
      await new ResolverClient({ region, credentials }).call('ListFirewallRuleGroups', {})
    } finally {
      delete process.env.AWS_ENDPOINT_URL_ROUTE53RESOLVER
      if (former === undefined) delete process.env.AWS_ENDPOINT_URL
      else process.env.AWS_ENDPOINT_URL = former
    }
    assert.equal(asked.length, 2)
  })

  const passing: Array<[string, Answer]> = [
    ['throttling', refused(400, 'ThrottlingException')],
    ['too many requests', refused(429, 'TooManyRequestsException')],
    ['a server error', refused(500, 'com.amazonaws.route53resolver#InternalServiceErrorException')],
    ['a page that is not AWS\'s', { status: 503, body: '<html>busy</html>' }],
    ['a lost connection', 'cut'],
    ['no answer in time', 'hang']
  ]
  for (const [what, answer] of passing) {
    it(`tries again after ${what}`, async () => {
      answers = [answer, { body: '{"FirewallRuleGroups":[]}' }]
      assert.deepEqual(await list({ requestTimeoutMs: 300 }), { FirewallRuleGroups: [] })
      assert.equal(asked.length, 2)
      assert.deepEqual(asked[1]!.body, asked[0]!.body)
    })
  }

  it('gives up after the last attempt, with what AWS said', async () => {
    answers = [1, 2, 3, 4].map(() => refused(400, 'ThrottlingException'))
    const error = await failure()
    assert.equal(fromAws(error, 'blocking').code, 'AWS_THROTTLED')
    assert.equal(asked.length, 3)
  })

  const final: Array<[type: string, code: string]> = [
    ['ResourceNotFoundException', 'AWS_ERROR'],
    ['AccessDeniedException', 'AWS_ACCESS_DENIED'],
    ['ConflictException', 'AWS_ERROR'],
    ['ValidationException', 'AWS_ERROR']
  ]
  for (const [type, code] of final) {
    it(`throws ${type} once, in the words of the SDKs`, async () => {
      answers = [{ status: 400, headers: { 'x-amzn-requestid': 'request-1' }, body: JSON.stringify({ __type: `aws#${type}`, Message: 'no such thing' }) }]
      const error = await failure()
      assert.equal(asked.length, 1)
      assert.equal(awsCode(error), type)
      assert.equal(isGone(error), type === 'ResourceNotFoundException')
      const ours = fromAws(error, 'blocking')
      assert.equal(ours.code, code)
      assert.equal(ours.message, `blocking: ${type}: no such thing`)
      assert.deepEqual(ours.extra, { awsCode: type, awsRequestId: 'request-1' })
    })
  }

  it('tells an error\'s code from the header, too', async () => {
    answers = [{ status: 400, headers: { 'x-amzn-errortype': 'LimitExceededException:http://aws' } }]
    assert.equal(awsCode(await failure()), 'LimitExceededException')
  })

  const silent: Array<[string, Answer]> = [['hangs', 'hang'], ['cuts the connection', 'cut']]
  for (const [what, answer] of silent) {
    it(`says that AWS did not answer when it ${what}`, async () => {
      answers = [answer, answer, answer]
      const error = await failure({ requestTimeoutMs: 200 })
      assert.equal(awsCode(error), undefined)
      assert.equal(fromAws(error, 'blocking').code, 'AWS_UNAVAILABLE')
      assert.equal(asked.length, 3)
    })
  }

  it('says that AWS did not answer when nobody listens', async () => {
    assert.equal(fromAws(await failure({ endpoint: 'http://127.0.0.1:1' }), 'blocking').code, 'AWS_UNAVAILABLE')
  })

  it('says what kept credentials from it, and sends nothing', async () => {
    const lost = new Error('no role')
    assert.equal(await failure({ credentials: async () => { throw lost } }), lost)
    assert.deepEqual(asked, [])
  })
})
