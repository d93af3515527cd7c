import assert from 'node:assert/strict'
import { PHASES } from './incident.ts'
import { canMove, isOpen, NEXT_PHASES } from './phases.ts'

describe('the life cycle of an incident', () => {
  it('can always come to closing, but from closed', () => {
    for (const phase of PHASES) assert.equal(canMove(phase, 'closing'), phase !== 'closed', phase)
  })

  it('ends in closed: nothing follows it', () => {
    assert.deepEqual(NEXT_PHASES.closed, [])
    assert.ok(PHASES.filter((phase) => !isOpen(phase)).every((phase) => phase === 'closed'))
  })

  it('is closed only by way of closing, where the room is destroyed', () => {
    assert.deepEqual(PHASES.filter((phase) => phase !== 'closed' && canMove(phase, 'closed')), ['closing'])
  })

  it('may need attention in every phase that works on something', () => {
    for (const phase of PHASES.filter((each) => !['closed', 'needs-attention'].includes(each))) assert.ok(canMove(phase, 'needs-attention'), phase)
  })

  it('never skips containment on its way to analysis', () => {
    assert.ok(!canMove('received', 'acquiring'))
    assert.ok(!canMove('triaging', 'acquiring'))
    assert.ok(!canMove('containing', 'analysing'))
  })

  it('takes staying where it is as done, so that a repeated step is harmless', () => {
    for (const phase of PHASES) assert.ok(canMove(phase, phase))
  })
})
