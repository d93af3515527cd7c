import assert from 'node:assert/strict'
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { CustodyNote } from '../incident/custody.ts'
import type { LedgerEntry } from '../incident/incident.ts'
import type { ActionContext } from './actions/action.ts'
import { performAction, recordFailure } from './perform-action.ts'
import { isolateInterface, type PlannedAction } from './plan.ts'

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
  const [ec2, autoScaling, elb, elbv2] = [EC2Client, AutoScalingClient, ElasticLoadBalancingClient, ElasticLoadBalancingV2Client].map((Client) =>
    Object.assign(new Client({ region: 'eu-central-1' }), { send })) as unknown as [EC2Client, AutoScalingClient, ElasticLoadBalancingClient, ElasticLoadBalancingV2Client]
  return { ec2, autoScaling, elb, elbv2 }
}

/** A ledger in memory that keeps the first entry of a key, as the real one does. */
function ledger (): { append: (id: string, note: CustodyNote) => Promise<LedgerEntry>, notes: CustodyNote[] } {
  const notes: CustodyNote[] = []
  return {
    notes,
    append: async (_id, note) => {
      const known = notes.find(({ key }) => key === note.key)
      if (!known) notes.push(structuredClone(note))
      const { key, ...entry } = known ?? note
      return { ...entry, detail: entry.detail ?? {}, seq: notes.length, at: '2026-01-01T00:00:00.000Z', prevHash: '', hash: '' }
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
    const done = await performAction(custody, context(clients(answers)), isolateInterface('eni-1'), '1.1')
    assert.deepEqual([done.state, done.before, done.after], ['done', { securityGroupIds: ['sg-db', 'sg-web'] }, { securityGroupIds: ['sg-iso'] }])
    assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent', 'containment.result'])
  })

  it('keeps the state before of the first time when it is performed again', async () => {
    const custody = ledger()
    const made = context(clients(networkInterface(['sg-web'])))
    await performAction(custody, made, isolateInterface('eni-1'), '1.1')
    const again = await performAction(custody, made, isolateInterface('eni-1'), '1.1')
    assert.deepEqual(again.before, { securityGroupIds: ['sg-web'] })
    assert.equal(custody.notes.length, 2)
  })

  it('is recorded once more when it is done once more, after somebody undid it', async () => {
    const custody = ledger()
    const made = context(clients(networkInterface(['sg-web'])))
    await performAction(custody, made, isolateInterface('eni-1'), '1.1')
    const again = await performAction(custody, made, isolateInterface('eni-1'), '1.2')
    assert.deepEqual(again.before, { securityGroupIds: ['sg-web'] })
    assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent', 'containment.result', 'containment.result'])
  })

  it('is unchanged when AWS was already as it should be', async () => {
    const done = await performAction(ledger(), context(clients(networkInterface(['sg-iso']))), isolateInterface('eni-1'), '1.1')
    assert.equal(done.state, 'unchanged')
  })

  it('takes the state before from triage where an earlier action changed it meanwhile', async () => {
    const leave: PlannedAction = {
      kind: 'leave-target-group', stage: 'divert', resource: 'arn:tg', words: '', parameters: { targetId: 'i-1', port: 80 }, before: { registered: true }
    }
    const done = await performAction(ledger(), context(clients({ DescribeTargetHealth: () => ({ TargetHealthDescriptions: [] }) })), leave, '1.1')
    assert.deepEqual([done.state, done.before, done.after], ['done', { registered: true }, { registered: false }])
  })

  it('isolates with nothing but the group that was asserted empty', async () => {
    const { isolationGroupId, ...without } = context(clients(networkInterface(['sg-web'])))
    await assert.rejects(performAction(ledger(), without, isolateInterface('eni-1'), '1.1'), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
  })

  it('says AWS\'s refusal with its code, and leaves the intent recorded', async () => {
    const custody = ledger()
    const answers = networkInterface(['sg-web'])
    answers.ModifyNetworkInterfaceAttribute = () => { throw Object.assign(new Error('no'), { name: 'UnauthorizedOperation', $metadata: { httpStatusCode: 403 } }) }
    const made = context(clients(answers))
    const error = await performAction(custody, made, isolateInterface('eni-1'), '1.1').then(() => assert.fail('it must be refused'), (refused: unknown) => refused)
    const failed = await recordFailure(custody, made, isolateInterface('eni-1'), '1.1', error)
    assert.deepEqual([failed.state, failed.error!.code], ['failed', 'AWS_ACCESS_DENIED'])
    assert.deepEqual(custody.notes.map(({ action }) => action), ['containment.intent', 'containment.failed'])
  })

  describe('that prepares the isolation group', () => {
    const prepare: PlannedAction = { kind: 'prepare-isolation-group', stage: 'disarm', resource: 'vpc-1', words: '', parameters: {} }

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
      })), prepare, '1.1')
      assert.deepEqual(done.after, { groupId: 'sg-iso', rules: 0 })
      assert.deepEqual(rules, [])
    })

    it('is refused while a rule remains', async () => {
      await assert.rejects(performAction(ledger(), context(clients({
        DescribeSecurityGroups: () => ({ SecurityGroups: [{ GroupId: 'sg-iso' }] }),
        DescribeSecurityGroupRules: () => ({ SecurityGroupRules: [{ SecurityGroupRuleId: 'sgr-1', IsEgress: true }] }),
        RevokeSecurityGroupEgress: () => ({})
      })), prepare, '1.1'), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
    })

    it('does not take a group of the same name that is not ours', async () => {
      await assert.rejects(performAction(ledger(), context(clients({
        DescribeSecurityGroups: () => ({ SecurityGroups: [] }),
        CreateSecurityGroup: () => { throw Object.assign(new Error('exists'), { name: 'InvalidGroup.Duplicate', $metadata: {} }) }
      })), prepare, '1.1'), { code: 'ISOLATION_GROUP_NOT_EMPTY' })
    })
  })
})
