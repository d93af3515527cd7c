import assert from 'node:assert/strict'
import { CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { lookForTraffic, type LookOptions } from '../../../controller/containment/watch-traffic.ts'
import type { Traffic } from '../../../controller/incident/incident.ts'
import type { FlowLogFacts } from '../../../controller/triage/target-facts.ts'
import { REGION, startActionWorld, type ActionWorld } from '../action-world.ts'

const FORMAT = 'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'
  .split(' ').map((field) => `\${${field}}`).join(' ')
const [FIRST, SECOND] = ['eni-0000000000000001a', 'eni-0000000000000002b'] as const

/** Whole seconds; the emulator takes events of the last two weeks. */
const CUT = Math.floor(Date.now() / 1000) - 3600
const record = (interfaceId: string, from: number, to: number, flow: string, outcome: string): { at: number, message: string } =>
  ({ at: CUT + from, message: `2 000000000000 ${interfaceId} ${flow} ${CUT + from} ${CUT + to} ${outcome}` })
const accepted = (interfaceId: string, from: number, to: number, peer = '203.0.113.5'): { at: number, message: string } =>
  record(interfaceId, from, to, `10.30.1.4 ${peer} 51000 443 6 10 5120`, 'ACCEPT OK')
const refused = (interfaceId: string, from: number, to: number): { at: number, message: string } =>
  record(interfaceId, from, to, '198.51.100.7 10.30.1.4 40000 22 6 1 40', 'REJECT OK')
const quiet = (interfaceId: string, from: number, to: number): { at: number, message: string } =>
  record(interfaceId, from, to, '- - - - - - -', '- NODATA')

describe('the traffic of a contained instance', () => {
  let world: ActionWorld
  let logs: CloudWatchLogsClient
  before(async () => {
    world = await startActionWorld()
    logs = new CloudWatchLogsClient({ region: REGION, endpoint: world.endpoint, credentials: { accessKeyId: 'tester', secretAccessKey: 'tester' }, maxAttempts: 2 })
  })
  after(async () => {
    logs.destroy()
    await world.stop()
  })

  let groups = 0
  /** A log group with these records, each in the stream of its interface. */
  const flowLog = async (...records: Array<{ at: number, message: string }>): Promise<FlowLogFacts> => {
    const logGroupName = `/vpc/flow-${++groups}`
    await logs.send(new CreateLogGroupCommand({ logGroupName }))
    const interfaceOf = ({ message }: { message: string }): string => message.split(' ')[2]!
    for (const interfaceId of new Set(records.map(interfaceOf))) {
      const logStreamName = `${interfaceId}-all`
      await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }))
      const own = records.filter((each) => interfaceOf(each) === interfaceId).sort((a, b) => a.at - b.at)
      await logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents: own.map(({ at, message }) => ({ timestamp: at * 1000, message })) }))
    }
    return { flowLogId: `fl-${groups}`, resourceId: 'vpc-1', destination: 'cloud-watch-logs', destinationName: logGroupName, format: FORMAT, aggregationSeconds: 60 }
  }
  const look = async (flowLogs: FlowLogFacts[], interfaces: string[], options?: LookOptions): Promise<Traffic> =>
    await lookForTraffic(logs, flowLogs, interfaces, new Date(CUT * 1000), new Date(Date.now() + 120_000), options)

  it('goes on, with both ends, bytes and time, when a flow was accepted after the cut-off', async () => {
    const log = await flowLog(accepted(FIRST, -30, 20), accepted(FIRST, 120, 180), accepted(FIRST, 180, 240), quiet(SECOND, 60, 120))
    const traffic = await look([log], [FIRST, SECOND])
    assert.equal(traffic.state, 'continues')
    assert.match(traffic.detail, new RegExp(`${FIRST}: tcp between 10\\.30\\.1\\.4:51000 and 203\\.0\\.113\\.5:443, 10240 bytes`))
    assert.equal(traffic.lastAcceptedAt, new Date((CUT + 240) * 1000).toISOString())
  })

  it('has stopped when every interface is seen without any, and says what flow logs never show', async () => {
    const traffic = await look([await flowLog(accepted(FIRST, -30, 20), refused(FIRST, 130, 180), quiet(SECOND, 60, 120))], [FIRST, SECOND])
    assert.equal(traffic.state, 'stopped', traffic.detail)
    assert.match(traffic.detail, /DNS/)
    assert.equal(traffic.lastAcceptedAt, new Date((CUT + 20) * 1000).toISOString())
  })

  it('is not known while one interface has no record', async () => {
    const traffic = await look([await flowLog(quiet(FIRST, 60, 120))], [FIRST, SECOND])
    assert.equal(traffic.state, 'not-known')
    assert.match(traffic.detail, new RegExp(`${SECOND}: .*`))
    assert.doesNotMatch(traffic.detail, new RegExp(`${FIRST}: `))
  })

  it('is known once any of several flow logs shows it', async () => {
    const missing: FlowLogFacts = { ...await flowLog(), destinationName: '/vpc/nobody-made-this' }
    const [one, other] = [await flowLog(quiet(FIRST, 60, 120)), await flowLog(accepted(FIRST, 120, 180))]
    assert.equal((await look([missing, one], [FIRST])).state, 'stopped')
    assert.equal((await look([one, other], [FIRST])).state, 'continues')
    assert.equal((await look([missing], [FIRST])).state, 'not-known')
  })

  it('reads all pages, and says so when there are too many', async () => {
    const log = await flowLog(...Array.from({ length: 30 }, (_, index) => refused(FIRST, 130 + index, 190)), accepted(FIRST, 170, 180))
    assert.equal((await look([log], [FIRST], { pageSize: 4 })).state, 'continues')
    const traffic = await look([log], [FIRST], { pageSize: 4, pages: 2 })
    assert.equal(traffic.state, 'not-known')
    assert.match(traffic.detail, /more records than were looked through/)
  })

  it('does not count the way that is left open to Systems Manager', async () => {
    const log = await flowLog(accepted(FIRST, 120, 180, '10.30.1.9'), refused(FIRST, 130, 180))
    assert.equal((await look([log], [FIRST], { expected: ['10.30.1.9'] })).state, 'stopped')
  })

  it('is not known without permission, and says so', async () => {
    const log = await flowLog(quiet(FIRST, 60, 120))
    await world.faults([{ service: 'logs', action: 'FilterLogEvents', error: { code: 'AccessDeniedException', status: 400 } }])
    const traffic = await look([log], [FIRST]).finally(async () => { await world.faults() })
    assert.equal(traffic.state, 'not-known')
    assert.match(traffic.detail, /AWS_ACCESS_DENIED/)
  })

  it('is not known where no flow log is, or none in CloudWatch Logs; then it names the place', async () => {
    assert.match((await look([], [FIRST])).detail, /No flow log/)
    const elsewhere: FlowLogFacts = { ...await flowLog(), destination: 's3', destinationName: 'arn:aws:s3:::flows' }
    const traffic = await look([elsewhere], [FIRST])
    assert.equal(traffic.state, 'not-known')
    assert.match(traffic.detail, /arn:aws:s3:::flows/)
  })
})
