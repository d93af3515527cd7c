import assert from 'node:assert/strict'
import type { ContainmentAction } from '../incident/incident.ts'
import { containmentState, cutOffAt, releaseState } from './outcome.ts'

const action = (kind: string, state: ContainmentAction['state'], at = '2026-01-01T00:00:00.000Z'): ContainmentAction => ({ key: kind, action: kind, resource: 'r', state, at })
const proof = (ok: boolean, exposedInterfaces: string[] = [], name = 'some-check') => ({
  ok, at: '2026-01-01T00:00:01.000Z', exposedInterfaces, checks: [{ name, ok, expected: 'x', observed: ok ? 'x' : 'y' }]
})

describe('what containment amounts to', () => {
  it('is contained only when everything was done and AWS shows it', () => {
    assert.equal(containmentState([action('isolate-interface', 'done')], proof(true), []), 'contained')
  })

  it('is never contained on our own word: a proof that fails makes it partial', () => {
    assert.equal(containmentState([action('isolate-interface', 'done')], proof(false), []), 'partial')
  })

  it('is partial when the instance is cut off and something else could not be done', () => {
    assert.equal(containmentState([action('isolate-interface', 'done'), action('leave-target-group', 'failed')], proof(true), []), 'partial')
  })

  it('is failed while one interface is open, whatever else was done', () => {
    assert.equal(containmentState([action('isolate-interface', 'done')], proof(false, ['eni-9']), []), 'failed')
  })

  it('is failed when the isolation group holds a rule', () => {
    assert.equal(containmentState([action('isolate-interface', 'done')], proof(false, [], 'isolation-group-empty'), []), 'failed')
  })

  it('is partial when something could not even be planned, because AWS did not tell', () => {
    const unread = (what: string) => [{ what, code: 'AWS_ACCESS_DENIED', message: 'no' }]
    assert.equal(containmentState([action('isolate-interface', 'done')], proof(true), unread('targets')), 'partial')
    assert.equal(containmentState([action('isolate-interface', 'done')], proof(true), unread('flowLogs')), 'contained')
  })

  it('counts as cut off from the last interface on', () => {
    assert.equal(cutOffAt([action('isolate-interface', 'done', '2026-01-01T00:00:02.000Z'), action('isolate-interface', 'unchanged', '2026-01-01T00:00:01.000Z')]), '2026-01-01T00:00:02.000Z')
    assert.equal(cutOffAt([action('isolate-interface', 'done'), action('isolate-interface', 'failed')]), undefined)
    assert.equal(cutOffAt([]), undefined)
  })
})

describe('what release amounts to', () => {
  const before = { before: {} }
  const error = { error: { code: 'AWS_ACCESS_DENIED', message: 'no' } }

  it('is released when nothing of ours is left', () => {
    assert.equal(releaseState([{ ...action('isolate-interface', 'undone'), ...before }, { ...action('leave-target-group', 'undone'), ...before }, action('keep-volumes', 'planned')]), 'released')
  })

  it('is released, with a note, when what it would bring back is gone', () => {
    assert.equal(releaseState([{ ...action('isolate-interface', 'undone'), ...before }, { ...action('leave-target-group', 'done'), ...before, note: 'the target group is gone' }]), 'released')
  })

  it('is partial while an interface is cut off or something failed', () => {
    assert.equal(releaseState([{ ...action('isolate-interface', 'done'), ...before, note: 'none of its groups exists any more' }]), 'partial')
    assert.equal(releaseState([{ ...action('isolate-interface', 'undone'), ...before }, { ...action('leave-target-group', 'done'), ...before, ...error }]), 'partial')
  })
})
