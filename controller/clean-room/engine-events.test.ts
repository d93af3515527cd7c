import assert from 'node:assert/strict'
import type { EngineEvent } from '@pulumi/pulumi/automation/index.js'
import { EngineLog, type RoomEvent } from './engine-events.ts'

const URN = 'urn:pulumi:clean-room-inc-1::clean-room::cleanroom:room:IsolatedNetwork$aws:ec2/vpc:Vpc::network-vpc'
const metadata = { urn: URN, op: 'create' }
const receive = (...events: object[]) => {
  const seen: RoomEvent[] = []
  const log = new EngineLog(event => { seen.push(event) })
  for (const event of events) log.receive(event as EngineEvent)
  return { log, seen }
}

describe('The engine\'s events', () => {
  it('are told as type and name of the resource, with how many are done', () => {
    const { seen } = receive({ resourcePreEvent: { metadata } }, { resOutputsEvent: { metadata } })
    assert.deepEqual(seen, [
      { type: 'started', resource: 'aws:ec2/vpc:Vpc network-vpc', op: 'create', done: 0, total: 1 },
      { type: 'done', resource: 'aws:ec2/vpc:Vpc network-vpc', op: 'create', done: 1, total: 1 }
    ])
  })

  it('keep each complaint once, without colours', () => {
    const complaint = { diagnosticEvent: { urn: URN, severity: 'error', message: '<{%reset%}>VpcLimitExceeded: no more<{%reset%}>\n' } }
    const { log } = receive(complaint, complaint, { diagnosticEvent: { severity: 'warning', message: 'never mind' } })
    assert.deepEqual(log.diagnostics, ['aws:ec2/vpc:Vpc network-vpc: VpcLimitExceeded: no more'])
  })
})
