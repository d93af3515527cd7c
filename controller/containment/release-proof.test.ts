import assert from 'node:assert/strict'
import type { ActionContext, State } from './actions/action.ts'
import { KINDS, type ActionKind, type PlannedAction } from './plan.ts'
import { compareStates, proveRelease } from './release-proof.ts'

const failing = (before: State, now: State) => compareStates('restored', before, now).filter(({ ok }) => !ok)

describe('the comparison of a state with the one before', () => {
  it('has one check for each field, those within fields too', () => {
    assert.deepEqual(compareStates('restored keep-volumes i-1', { deleteOnTermination: { '/dev/xvda': true, '/dev/xvdf': true } }, { deleteOnTermination: { '/dev/xvda': true, '/dev/xvdf': false } }), [
      { name: 'restored keep-volumes i-1 deleteOnTermination./dev/xvda', ok: true, expected: 'true', observed: 'true' },
      { name: 'restored keep-volumes i-1 deleteOnTermination./dev/xvdf', ok: false, expected: 'true', observed: 'false' }
    ])
  })

  it('finds what came and what went', () => {
    assert.deepEqual(failing({ tags: {} }, { tags: { 'cleanroom:status': 'quarantined' } }), [
      { name: 'restored tags.cleanroom:status', ok: false, expected: 'nothing', observed: 'quarantined' }
    ])
    assert.deepEqual(failing({ associated: true, interfaceId: 'eni-1' }, { associated: true }).map(({ observed }) => observed), ['nothing'])
  })

  it('finds a list that has one more, and one that lost one', () => {
    assert.equal(failing({ securityGroupIds: ['sg-1', 'sg-2'] }, { securityGroupIds: ['sg-1'] }).length, 1)
    assert.equal(failing({ securityGroupIds: ['sg-1'] }, { securityGroupIds: ['sg-1', 'sg-2'] }).length, 1)
    assert.deepEqual(failing({ securityGroupIds: ['sg-1', 'sg-2'] }, { securityGroupIds: ['sg-1', 'sg-2'] }), [])
  })

  it('tells what is not there from what is empty, and one type from another', () => {
    assert.equal(failing({ instanceProfileArn: null }, {}).length, 1)
    assert.equal(failing({ members: [] }, { members: null }).length, 1)
    assert.equal(failing({ protected: 'true' }, { protected: true }).length, 1)
  })

  it('is a check also where there is nothing to compare', () => {
    assert.deepEqual(compareStates('restored', { tags: {} }, { tags: {} }), [{ name: 'restored', ok: true, expected: 'nothing', observed: 'nothing' }])
  })
})

describe('the proof of release', () => {
  const NOW = new Date('2026-01-01T00:00:00Z')
  const planned = (kind: ActionKind, resource: string, parameters: Record<string, unknown> = {}): PlannedAction => {
    const { stage, needs } = KINDS[kind]
    return { kind, stage, resource, words: '', parameters, needs: [...needs] }
  }
  /** EC2 with these groups on the interface, and refusing whatever else it is asked. */
  const context = (groups: string[]): ActionContext => ({
    clients: {
      ec2: {
        send: async ({ constructor: { name } }: { constructor: { name: string } }) => {
          if (name === 'DescribeNetworkInterfacesCommand') return { NetworkInterfaces: [{ Groups: groups.map((GroupId) => ({ GroupId })) }] }
          throw Object.assign(new Error('no'), { name: 'UnauthorizedOperation', $metadata: { httpStatusCode: 403 } })
        }
      }
    } as unknown as ActionContext['clients'],
    incidentId: 'inc-1',
    instanceId: 'i-1',
    ticket: 'SEC-1'
  })
  const isolation = { planned: planned('isolate-interface', 'eni-1'), before: { securityGroupIds: ['sg-web'] } }

  it('is whole when AWS shows the state before', async () => {
    assert.deepEqual(await proveRelease(context(['sg-web']), [isolation], NOW), {
      ok: true, at: NOW.toISOString(), checks: [{ name: 'restored isolate-interface eni-1 securityGroupIds', ok: true, expected: 'sg-web', observed: 'sg-web' }]
    })
  })

  it('fails for one field that is otherwise', async () => {
    const proof = await proveRelease(context(['sg-iso']), [isolation], NOW)
    assert.equal(proof.ok, false)
    assert.deepEqual(proof.checks.map(({ expected, observed }) => [expected, observed]), [['sg-web', 'sg-iso']])
  })

  it('fails, and goes on, where AWS does not answer', async () => {
    const proof = await proveRelease(context(['sg-web']), [{ planned: planned('tag-quarantined', 'i-1'), before: { tags: {} } }, isolation], NOW)
    assert.deepEqual(proof.checks.map(({ ok }) => ok), [false, true])
    assert.match(proof.checks[0]!.observed, /not readable: AWS_ACCESS_DENIED/)
  })

  it('tells registrations of one target group apart', async () => {
    const both = [80, 443].map((port) => ({ planned: planned('leave-target-group', 'arn:tg', { targetId: 'i-1', port }), before: { registered: true } }))
    const { checks } = await proveRelease(context([]), both, NOW)
    assert.equal(new Set(checks.map(({ name }) => name)).size, 2)
  })
})
