import assert from 'node:assert/strict'
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { IAMClient } from '@aws-sdk/client-iam'
import type { Custody, CustodyNote } from '../incident/custody.ts'
import type { LedgerEntry } from '../incident/incident.ts'
import type { ActionContext } from './actions/action.ts'
import { performAction, recordFailure } from './perform-action.ts'
import type { PlannedAction } from './plan.ts'

const isolateInterface = (interfaceId: string, untrack = false): PlannedAction =>
  ({ kind: 'isolate-interface', stage: 'isolate', resource: interfaceId, words: '', needs: [], parameters: { untrack } })
const first = { generation: 1, occasion: '1.1' }

type Answer = (input: Record<string, unknown>) => object

/** Clients that answer as told, by the name of the command, and throw on any other. */
function clients (answers: Record<string, Answer>, sent: string[] = []): ActionContext['clients'] {
  const send = async (command: { constructor: { name: string }, input: Record<string, unknown> }): Promise<object> => {
    const name = command.constructor.name.replace(/Command$/, '')
    sent.push(name)
    const answer = answers[name]
    if (!answer) throw new Error(`nobody expected ${name}`)
    return answer(command.input)
  }
  const [ec2, autoScaling, elb, elbv2, iam] = [EC2Client, AutoScalingClient, ElasticLoadBalancingClient, ElasticLoadBalancingV2Client, IAMClient].map((Client) =>
    Object.assign(new Client({ region: 'eu-central-1' }), { send })) as unknown as [EC2Client, AutoScalingClient, ElasticLoadBalancingClient, ElasticLoadBalancingV2Client, IAMClient]
  return { ec2, autoScaling, elb, elbv2, iam, resolver: {} as never }
}

/** A ledger in memory that keeps the first entry of a key, as the real one does. */
function ledger (): Custody & { notes: CustodyNote[] } {
  const notes: CustodyNote[] = []
  const entryOf = ({ key, ...entry }: CustodyNote): LedgerEntry =>
    ({ ...entry, detail: entry.detail ?? {}, seq: notes.length, at: '2026-01-01T00:00:00.000Z', prevHash: '', hash: '' })
  return {
    notes,
    append: async (_id, note) => {
      const known = notes.find(({ key }) => key === note.key)
      if (!known) notes.push(structuredClone(note))
      return entryOf(known ?? note)
    },
    find: async (_id, key) => {
      const known = notes.find((note) => note.key === key)
      return known && entryOf(known)
    }
  }
}

const context = (made: ActionContext['clients']): ActionContext => ({ clients: made, incidentId: 'inc', instanceId: 'i-1', ticket: 'T-1', isolationGroupId: 'sg-iso' })

/** An interface whose groups AWS really replaces. */
function networkInterface (groups: string[]): Record<string, Answer> {
  const now = { groups }
  return {
    DescribeNetworkInterfaces: () => ({ NetworkInterfaces: [{ Groups: now.groups.map((GroupId) => ({ GroupId })) }] }),
    ModifyNetworkInterfaceAttribute: ({ Groups }) => {
      now.groups = Groups as string[]
      return {}
    }
  }
}

describe('a containment action', () => {
  it('records the state it found before it changes anything', async () => {
    const custody = ledger()
    const answers = networkInterface(['sg-web', 'sg-db'])
    const modify = answers.ModifyNetworkInterfaceAttribute!
    answers.ModifyNetworkInterfaceAttribute = (input) => {
      assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent'])
      assert.deepEqual(custody.notes[0]!.detail!.before, { securityGroupIds: ['sg-db', 'sg-web'] })
      return modify(input)
    }
    const done = await performAction(custody, context(clients(answers)), isolateInterface('eni-1'), first)
    assert.deepEqual([done.state, done.before, done.after], ['done', { securityGroupIds: ['sg-db', 'sg-web'] }, { securityGroupIds: ['sg-iso'] }])
    assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent', 'containment.result'])
  })

  it('keeps the state before of the first time when it is performed again', async () => {
    const custody = ledger()
    const made = context(clients(networkInterface(['sg-web'])))
    await performAction(custody, made, isolateInterface('eni-1'), first)
    const again = await performAction(custody, made, isolateInterface('eni-1'), first)
    assert.deepEqual(again.before, { securityGroupIds: ['sg-web'] })
    assert.equal(custody.notes.length, 2)
  })

  it('is recorded once more when it is done once more, after somebody undid it', async () => {
    const custody = ledger()
    const made = context(clients(networkInterface(['sg-web'])))
    await performAction(custody, made, isolateInterface('eni-1'), first)
    const again = await performAction(custody, made, isolateInterface('eni-1'), { generation: 1, occasion: '1.2' })
    assert.deepEqual(again.before, { securityGroupIds: ['sg-web'] })
    assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent', 'containment.result', 'containment.result'])
  })

  it('records the state before anew once a release has ended the containment', async () => {
    const custody = ledger()
    const answers = networkInterface(['sg-web'])
    const made = context(clients(answers))
    await performAction(custody, made, isolateInterface('eni-1'), first)
    await made.clients.ec2.send({ constructor: { name: 'ModifyNetworkInterfaceAttributeCommand' }, input: { Groups: ['sg-new'] } } as never)
    const anew = await performAction(custody, made, isolateInterface('eni-1'), { generation: 2, occasion: '1.1' })
    assert.deepEqual(anew.before, { securityGroupIds: ['sg-new'] })
  })

  it('notes once, and only once, that it widens access for a moment', async () => {
    const custody = ledger()
    const answers: Record<string, Answer> = { ...networkInterface(['sg-web']), DescribeSecurityGroupRules: () => ({ SecurityGroupRules: [] }) }
    const groups: unknown[] = []
    const modify = answers.ModifyNetworkInterfaceAttribute!
    answers.ModifyNetworkInterfaceAttribute = (input) => {
      groups.push(input.Groups)
      return modify(input)
    }
    const made = { ...context(clients(answers)), untrackingGroupId: 'sg-all' }
    const swap = isolateInterface('eni-1', true)
    await performAction(custody, made, swap, first)
    await made.clients.ec2.send({ constructor: { name: 'ModifyNetworkInterfaceAttributeCommand' }, input: { Groups: ['sg-web'] } } as never)
    await performAction(custody, made, swap, { generation: 1, occasion: '1.2' })
    assert.deepEqual(groups, [['sg-all'], ['sg-iso'], ['sg-web'], ['sg-iso']])
    assert.equal(custody.notes.filter(({ action }) => action === 'containment.widening').length, 1)
  })

  it('is unchanged when AWS was already as it should be', async () => {
    const done = await performAction(ledger(), context(clients(networkInterface(['sg-iso']))), isolateInterface('eni-1'), first)
    assert.equal(done.state, 'unchanged')
  })

  it('takes the state before from triage where an earlier action changed it meanwhile', async () => {
    const leave: PlannedAction = {
      kind: 'leave-target-group', stage: 'divert', resource: 'arn:tg', words: '', needs: [], parameters: { targetId: 'i-1', port: 80 }, before: { registered: true }
    }
    const done = await performAction(ledger(), context(clients({ DescribeTargetHealth: () => ({ TargetHealthDescriptions: [] }) })), leave, first)
    assert.deepEqual([done.state, done.before, done.after], ['done', { registered: true }, { registered: false }])
  })

  it('isolates with nothing but the group that was asserted empty', async () => {
    const { isolationGroupId, ...without } = context(clients(networkInterface(['sg-web'])))
    await assert.rejects(performAction(ledger(), without, isolateInterface('eni-1'), first), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
  })

  it('says AWS\'s refusal with its code, and leaves the intent recorded', async () => {
    const custody = ledger()
    const answers = networkInterface(['sg-web'])
    answers.ModifyNetworkInterfaceAttribute = () => { throw Object.assign(new Error('no'), { name: 'UnauthorizedOperation', $metadata: { httpStatusCode: 403 } }) }
    const made = context(clients(answers))
    const error = await performAction(custody, made, isolateInterface('eni-1'), first).then(() => assert.fail('it must be refused'), (refused: unknown) => refused)
    const failed = await recordFailure(custody, made, isolateInterface('eni-1'), first, error)
    assert.deepEqual([failed.state, failed.error!.code, failed.before], ['failed', 'AWS_ACCESS_DENIED', { securityGroupIds: ['sg-web'] }])
    assert.ok(failed.error!.whatToDo)
    assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent', 'containment.failed'])
  })

  describe('that prepares the isolation group', () => {
    const prepare: PlannedAction = { kind: 'prepare-isolation-group', stage: 'isolate', resource: 'vpc-1', words: '', needs: [], parameters: {} }

    it('revokes every rule by its id, IPv4 and IPv6 alike, and looks again', async () => {
      let rules = [
        { SecurityGroupRuleId: 'sgr-1', IsEgress: true, CidrIpv4: '0.0.0.0/0' },
        { SecurityGroupRuleId: 'sgr-2', IsEgress: true, CidrIpv6: '::/0' },
        { SecurityGroupRuleId: 'sgr-3', IsEgress: false, CidrIpv4: '10.0.0.0/8' }
      ]
      const revoke: Answer = ({ SecurityGroupRuleIds }) => {
        rules = rules.filter(({ SecurityGroupRuleId }) => !(SecurityGroupRuleIds as string[]).includes(SecurityGroupRuleId))
        return {}
      }
      const done = await performAction(ledger(), context(clients({
        DescribeSecurityGroups: () => ({ SecurityGroups: [] }),
        CreateSecurityGroup: () => ({ GroupId: 'sg-iso' }),
        DescribeSecurityGroupRules: () => ({ SecurityGroupRules: rules }),
        RevokeSecurityGroupEgress: revoke,
        RevokeSecurityGroupIngress: revoke
      })), prepare, first)
      assert.deepEqual(done.after, { groupId: 'sg-iso', rules: 0 })
      assert.deepEqual(rules, [])
    })

    it('is refused while a rule remains', async () => {
      await assert.rejects(performAction(ledger(), context(clients({
        DescribeSecurityGroups: () => ({ SecurityGroups: [{ GroupId: 'sg-iso' }] }),
        CreateSecurityGroup: () => ({ GroupId: 'sg-iso' }),
        DescribeSecurityGroupRules: () => ({ SecurityGroupRules: [{ SecurityGroupRuleId: 'sgr-1', IsEgress: true }] }),
        RevokeSecurityGroupEgress: () => ({})
      })), prepare, first), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
    })

    it('does not take a group of the same name that is not ours', async () => {
      await assert.rejects(performAction(ledger(), context(clients({
        DescribeSecurityGroups: () => ({ SecurityGroups: [] }),
        CreateSecurityGroup: () => { throw Object.assign(new Error('exists'), { name: 'InvalidGroup.Duplicate', $metadata: {} }) }
      })), prepare, first), { code: 'AWS_BUSY' })
    })
  })
})
