import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fieldsOf, judge, parseRecord, RECORDING_LAG_S, type FlowRecord, type Question } from './flow-records.ts'

/** As a flow log has it: each name in `${}`. */
const format = (names: string): string[] => fieldsOf(names.split(' ').map((name) => `\${${name}}`).join(' '))
const DEFAULT = format('version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status')
const event = (message: string, more: { timestamp?: number, received?: number, stream?: string } = {}) =>
  ({ message, timestamp: 1_700_000_000_000, received: 1_700_000_300_000, stream: 'eni-0a1b-all', ...more })

describe('a flow log record', () => {
  it('is read in the default format', () => {
    assert.deepEqual(parseRecord(event('2 123456789010 eni-0a1b 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK'), [DEFAULT]), {
      interfaceId: 'eni-0a1b',
      status: 'OK',
      action: 'ACCEPT',
      start: 1418530010,
      end: 1418530070,
      source: '172.31.16.139',
      destination: '172.31.16.21',
      sourcePort: 20641,
      destinationPort: 22,
      protocol: 6,
      bytes: 4249,
      received: 1_700_000_300
    })
  })

  it('may say that there was no traffic, or that records were lost', () => {
    for (const status of ['NODATA', 'SKIPDATA'] as const) {
      const record = parseRecord(event(`2 123456789010 eni-0a1b - - - - - - - 1431280876 1431280934 - ${status}`), [DEFAULT])
      assert.deepEqual(record, { interfaceId: 'eni-0a1b', status, start: 1431280876, end: 1431280934, received: 1_700_000_300 })
    }
  })

  it('is read in any format, whatever its order and its other fields', () => {
    const values = fc.record({
      'interface-id': fc.stringMatching(/^[0-9a-f]{8,17}$/),
      srcaddr: fc.oneof(fc.ipV4(), fc.ipV6()),
      dstaddr: fc.oneof(fc.ipV4(), fc.ipV6()),
      srcport: fc.nat(65535),
      dstport: fc.nat(65535),
      protocol: fc.nat(255),
      bytes: fc.nat(),
      start: fc.nat(),
      end: fc.nat(),
      action: fc.constantFrom('ACCEPT', 'REJECT'),
      'log-status': fc.constant('OK'),
      'vpc-id': fc.constant('vpc-1'),
      'tcp-flags': fc.nat(31),
      'flow-direction': fc.constantFrom('ingress', 'egress')
    })
    fc.assert(fc.property(values, fc.infiniteStream(fc.nat()), (found, order) => {
      const record = { ...found, 'interface-id': `eni-${found['interface-id']}` }
      const fields = Object.keys(record).map((field) => ({ field, at: order.next().value as number })).sort((a, b) => a.at - b.at).map(({ field }) => field)
      const parsed = parseRecord(event(fields.map((field) => String(record[field as keyof typeof record])).join(' ')), [format(fields.join(' '))])
      assert.deepEqual(parsed, {
        interfaceId: record['interface-id'],
        status: 'OK',
        action: record.action,
        start: record.start,
        end: record.end,
        source: record.srcaddr,
        destination: record.dstaddr,
        sourcePort: record.srcport,
        destinationPort: record.dstport,
        protocol: record.protocol,
        bytes: record.bytes,
        received: 1_700_000_300
      })
    }))
  })

  it('names the ends of the packet, not those of a hop between', () => {
    const record = parseRecord(event('10.0.0.220 203.0.113.5 10.0.1.4 203.0.113.5'), [format('srcaddr dstaddr pkt-srcaddr pkt-dstaddr')])
    assert.equal(record!.source, '10.0.1.4')
  })

  it('takes what its format leaves out from the event and its stream', () => {
    const record = parseRecord(event('10.0.1.4 203.0.113.5', { timestamp: 5_000, stream: 'eni-0a1b-accept' }), [format('srcaddr dstaddr')])
    assert.deepEqual([record!.interfaceId, record!.start, record!.action, record!.status], ['eni-0a1b', 5, 'ACCEPT', 'OK'])
  })

  it('is read by the format that fits when several flow logs share a stream', () => {
    const other = format('interface-id action log-status')
    assert.equal(parseRecord(event('eni-0a1b REJECT OK'), [DEFAULT, other])!.action, 'REJECT')
    const turned = format('action interface-id log-status')
    assert.equal(parseRecord(event('eni-0a1b REJECT OK'), [turned, other])!.interfaceId, 'eni-0a1b')
  })

  it('is nothing when it fits no format', () => {
    assert.equal(parseRecord(event('somebody wrote this'), [DEFAULT]), undefined)
    assert.equal(parseRecord(event('2 123456789010 eni-0a1b 10.0.0.1 10.0.0.2 x 22 6 20 4249 1418530010 1418530070 ACCEPT OK'), [DEFAULT]), undefined)
  })
})

describe('what the records of an interface say', () => {
  const CUT = 1_000_000
  const AGGREGATION = 600
  const question: Question = { interfaceId: 'eni-1', cutOff: CUT, now: CUT + 5000, aggregationSeconds: AGGREGATION, expected: [] }
  /** `from` and `to` count from the cut-off. */
  const record = (from: number, to: number, more: Partial<FlowRecord>): FlowRecord => ({
    interfaceId: 'eni-1', status: 'OK', start: CUT + from, end: CUT + to, received: CUT + to + 200, ...more
  })
  const accepted = (from: number, to: number, more: Partial<FlowRecord> = {}): FlowRecord =>
    record(from, to, { action: 'ACCEPT', source: '10.0.0.4', sourcePort: 51000, destination: '203.0.113.5', destinationPort: 443, protocol: 6, bytes: 100, ...more })
  const refused = (from: number, to: number, more: Partial<FlowRecord> = {}): FlowRecord => record(from, to, { action: 'REJECT', ...more })
  const quiet = (from: number, to: number): FlowRecord => record(from, to, { status: 'NODATA' })
  const stateOf = (...records: FlowRecord[]): string => judge(records, question).state

  it('is not known without records, and while those of after the cut-off are under way', () => {
    assert.equal(stateOf(), 'not-known')
    assert.match((judge([accepted(-500, -100)], question) as { why: string }).why, /delivery takes minutes/)
  })

  it('goes on when an accepted flow began after the cut-off', () => {
    const verdict = judge([accepted(100, 160), accepted(-50, 50)], question)
    assert.deepEqual(verdict, {
      state: 'continues',
      flows: [{ interfaceId: 'eni-1', words: 'tcp between 10.0.0.4:51000 and 203.0.113.5:443', bytes: 100, lastAt: CUT + 160 }],
      lastAcceptedAt: CUT + 160
    })
  })

  it('sums both directions of a flow', () => {
    const back = { source: '203.0.113.5', sourcePort: 443, destination: '10.0.0.4', destinationPort: 51000, bytes: 900 }
    const verdict = judge([accepted(100, 160), accepted(110, 170, back)], question)
    assert.deepEqual(verdict.state === 'continues' && verdict.flows.map(({ bytes }) => bytes), [1000])
  })

  it('is told nothing by a record that began before the cut-off, or so soon after that its packets may be older', () => {
    assert.equal(stateOf(accepted(-500, 90)), 'not-known')
    assert.equal(stateOf(accepted(RECORDING_LAG_S - 1, 300)), 'not-known')
    assert.equal(stateOf(accepted(RECORDING_LAG_S + 1, 300)), 'continues')
  })

  it('has stopped when a whole interval of after the cut-off had no traffic', () => {
    assert.equal(stateOf(quiet(-300, 300)), 'not-known')
    assert.deepEqual(judge([accepted(-500, 20), quiet(100, 700)], question), { state: 'stopped', until: CUT + 700, lastAcceptedAt: CUT + 20 })
  })

  it('has stopped when packets are refused in an interval that began after the cut-off, and none is accepted', () => {
    // This one may share its interval with a connection that was recorded from before the cut-off on.
    assert.equal(stateOf(accepted(-10, 500), refused(200, 500)), 'not-known')
    assert.equal(stateOf(refused(RECORDING_LAG_S + AGGREGATION, 900)), 'stopped')
    assert.equal(stateOf(refused(RECORDING_LAG_S + AGGREGATION, 900), accepted(700, 900)), 'continues')
  })

  it('waits for the other records of an interval in which packets were refused', () => {
    assert.equal(judge([refused(700, 900, { received: question.now - 1 })], question).state, 'not-known')
  })

  it('is not known where records were lost, until a later interval is whole', () => {
    const skipped = record(700, 1300, { status: 'SKIPDATA' })
    assert.match((judge([quiet(100, 700), skipped], question) as { why: string }).why, /SKIPDATA/)
    assert.equal(stateOf(skipped, quiet(1300, 1900)), 'stopped')
    assert.equal(stateOf(skipped, accepted(800, 900)), 'continues')
  })

  it('does not count traffic that isolation leaves open', () => {
    assert.equal(judge([accepted(700, 900), refused(700, 900)], { ...question, expected: ['203.0.113.5'] }).state, 'stopped')
  })

  it('is not taken from another interface\'s records', () => {
    assert.equal(stateOf({ ...quiet(100, 700), interfaceId: 'eni-2' }), 'not-known')
  })

  it('never says that it stopped while a flow that began after the cut-off was accepted, whatever else was recorded', () => {
    const any = fc.record({ from: fc.integer({ min: -2000, max: 3000 }), length: fc.nat(600), kind: fc.constantFrom(refused, quiet) })
    fc.assert(fc.property(fc.array(any), fc.integer({ min: RECORDING_LAG_S + 1, max: 3000 }), (others, from) => {
      assert.equal(stateOf(...others.map(({ from, length, kind }) => kind(from, from + length)), accepted(from, from + 30)), 'continues')
    }))
  })
})
