/**
 * The contain role's policy against the calls that containment and release make: enough, and nothing besides.
 *
 * What each call is authorised on is from the Service Authorization Reference, "Actions, resources, and condition keys"
 * of the service; a resource that only a parameter we don't send would bring is left out.
 */
import assert from 'node:assert/strict'
import { KINDS } from '../../controller/containment/plan.ts'
import { baselineNames } from '../../stacks/baseline/names.ts'
import type { PolicyContext } from '../../stacks/baseline/policies/document.ts'
import { ROLE_POLICIES } from '../../stacks/baseline/policies/roles.ts'
import { callsOf } from './aws-calls.ts'
import { decide, type Context, type Request } from './policy-evaluation.ts'

const REGION = 'eu-central-1'
const ACCOUNT = '123456789012'
const place = { partition: 'aws', accountId: ACCOUNT, region: REGION }
const names = baselineNames('cleanroom', place, '/cleanroom/baseline')
const key = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0`
const context: PolicyContext = {
  ...place, names, evidenceKeyArn: key, signingKeyArn: key, stateKeyArn: key, messagesKeyArn: key, accounts: [ACCOUNT], regions: [REGION]
}
const contain = ROLE_POLICIES.contain.policy(context)
const acquire = ROLE_POLICIES.acquire.policy(context)

const ec2 = (type: string): string => `arn:aws:ec2:${REGION}:${ACCOUNT}:${type}/${type}-0123`
const iam = (rest: string): string => `arn:aws:iam::${ACCOUNT}:${rest}`
const dns = (type: string): string => `arn:aws:route53resolver:${REGION}:${ACCOUNT}:${type}/rslvr-0123`
const AUTO_SCALING_GROUP = `arn:aws:autoscaling:${REGION}:${ACCOUNT}:autoScalingGroup:0-1-2:autoScalingGroupName/web`
const TARGET_GROUP = `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}:targetgroup/web/0123456789abcdef`
const CLASSIC_LOAD_BALANCER = `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}:loadbalancer/web`
const SOMEBODYS_ROLE = iam('role/team/web-role')

/** The tags of what Cleanroom made, of what it is making, and of an instance that it contained. */
const MADE: Context = { 'aws:ResourceTag/cleanroom:managed': 'true', 'aws:ResourceTag/cleanroom:purpose': 'isolation' }
const MAKING: Context = {
  'aws:RequestTag/cleanroom:managed': 'true', 'aws:TagKeys': ['cleanroom:managed', 'cleanroom:incident', 'cleanroom:purpose', 'cleanroom:instance', 'Name']
}
const QUARANTINED: Context = { 'aws:ResourceTag/cleanroom:status': 'quarantined' }
const TO_EC2: Context = { 'iam:PassedToService': 'ec2.amazonaws.com' }
const THROUGH_EC2: Context = { 'kms:ViaService': `ec2.${REGION}.amazonaws.com`, 'kms:GrantIsForAWSResource': 'true' }

/** A resource that a call is authorised on; `action` where it is another than the call's own. */
interface Authorisation { on: string, having?: Context, action?: string }

const onGroup: Authorisation[] = [{ on: AUTO_SCALING_GROUP }]
const onOwnGroup: Authorisation[] = [{ on: ec2('security-group'), having: MADE }]
const onOwnAcl: Authorisation[] = [{ on: ec2('network-acl'), having: MADE }]
const makes = (type: string, call: string): Authorisation[] => [
  { on: ec2(type), having: MAKING },
  { on: ec2('vpc'), having: MAKING },
  { on: ec2(type), having: { ...MAKING, 'ec2:CreateAction': call }, action: 'ec2:CreateTags' }
]
const makesDns = (type: string): Authorisation[] => [{ on: dns(type), having: MAKING }, { on: dns(type), having: MAKING, action: 'route53resolver:TagResource' }]
const ownDns = (...types: string[]): Authorisation[] => types.map((type) => ({ on: dns(type), having: MADE }))

/** Every changing call of the actions, doing and taking back, and what it is authorised on. */
const CALLS: Record<string, Authorisation[]> = {
  'ec2:CreateTags': [{ on: ec2('instance'), having: { 'aws:RequestTag/cleanroom:status': 'quarantined', 'aws:TagKeys': ['cleanroom:status', 'cleanroom:ticket', 'cleanroom:incident'] } }],
  'ec2:DeleteTags': [{ on: ec2('instance'), having: { ...QUARANTINED, 'aws:TagKeys': ['cleanroom:status', 'cleanroom:ticket'] } }],
  'ec2:ModifyInstanceAttribute': [{ on: ec2('instance') }, { on: ec2('volume') }],
  'ec2:ModifyInstanceMetadataOptions': [{ on: ec2('instance') }],
  'ec2:StopInstances': [{ on: ec2('instance') }],
  // EBS User Guide, "Requirements for Amazon EBS encryption".
  'ec2:StartInstances': [{ on: ec2('instance'), having: QUARANTINED }, { on: key, having: THROUGH_EC2, action: 'kms:CreateGrant' }],
  'ec2:CreateSecurityGroup': makes('security-group', 'CreateSecurityGroup'),
  'ec2:AuthorizeSecurityGroupIngress': onOwnGroup,
  'ec2:AuthorizeSecurityGroupEgress': onOwnGroup,
  'ec2:RevokeSecurityGroupIngress': onOwnGroup,
  'ec2:RevokeSecurityGroupEgress': onOwnGroup,
  'ec2:DeleteSecurityGroup': onOwnGroup,
  'ec2:ModifyNetworkInterfaceAttribute': [
    { on: ec2('network-interface') }, { on: ec2('instance') }, { on: ec2('security-group'), having: MADE }, { on: ec2('security-group') }
  ],
  'ec2:CreateNetworkAcl': makes('network-acl', 'CreateNetworkAcl'),
  'ec2:DeleteNetworkAclEntry': onOwnAcl,
  'ec2:DeleteNetworkAcl': onOwnAcl,
  'ec2:ReplaceNetworkAclAssociation': [{ on: ec2('network-acl'), having: MADE }, { on: ec2('network-acl') }, { on: ec2('subnet') }],
  'ec2:DisassociateAddress': [{ on: ec2('elastic-ip') }, { on: ec2('network-interface') }],
  'ec2:AssociateAddress': [{ on: ec2('elastic-ip') }, { on: ec2('network-interface') }, { on: ec2('instance') }],
  'ec2:DisassociateIamInstanceProfile': [{ on: ec2('instance') }],
  'ec2:AssociateIamInstanceProfile': [{ on: ec2('instance'), having: QUARANTINED }, { on: SOMEBODYS_ROLE, having: TO_EC2, action: 'iam:PassRole' }],
  'autoscaling:DetachInstances': onGroup,
  'autoscaling:AttachInstances': onGroup,
  'autoscaling:EnterStandby': onGroup,
  'autoscaling:ExitStandby': onGroup,
  'autoscaling:SetInstanceProtection': onGroup,
  'autoscaling:SetInstanceHealth': onGroup,
  'autoscaling:SuspendProcesses': onGroup,
  'autoscaling:ResumeProcesses': onGroup,
  'elasticloadbalancing:DeregisterTargets': [{ on: TARGET_GROUP }],
  'elasticloadbalancing:RegisterTargets': [{ on: TARGET_GROUP }],
  'elasticloadbalancing:DeregisterInstancesFromLoadBalancer': [{ on: CLASSIC_LOAD_BALANCER }],
  'elasticloadbalancing:RegisterInstancesWithLoadBalancer': [{ on: CLASSIC_LOAD_BALANCER }],
  'iam:PutRolePolicy': [{ on: SOMEBODYS_ROLE }],
  'iam:DeleteRolePolicy': [{ on: SOMEBODYS_ROLE }],
  'iam:UpdateAccessKey': [{ on: iam('user/ada') }, { on: iam('user/team/ada') }],
  'route53resolver:CreateFirewallDomainList': makesDns('firewall-domain-list'),
  'route53resolver:UpdateFirewallDomains': ownDns('firewall-domain-list'),
  'route53resolver:DeleteFirewallDomainList': ownDns('firewall-domain-list'),
  'route53resolver:CreateFirewallRuleGroup': makesDns('firewall-rule-group'),
  'route53resolver:CreateFirewallRule': ownDns('firewall-domain-list', 'firewall-rule-group'),
  'route53resolver:DeleteFirewallRule': ownDns('firewall-domain-list', 'firewall-rule-group'),
  'route53resolver:DeleteFirewallRuleGroup': ownDns('firewall-rule-group'),
  'route53resolver:AssociateFirewallRuleGroup': makesDns('firewall-rule-group-association'),
  'route53resolver:DisassociateFirewallRuleGroup': ownDns('firewall-rule-group-association')
}

const reads = (call: string): boolean => /:(Describe|Get|List|Filter|Simulate)/.test(call)
const here = (request: Request): Request => ({ ...request, context: { 'aws:RequestedRegion': REGION, ...request.context } })
const asked = Object.entries(CALLS).flatMap(([call, authorisations]) =>
  authorisations.map(({ on, having = {}, action = call }): Request => ({ action, resource: on, context: having })))
const words = ({ action, resource, context: having }: Request): string => `${action} on ${resource}${having ? ` with ${JSON.stringify(having)}` : ''}`

describe('what the contain role may do', () => {
  it('is known for every call of an action, and for no other', () => {
    assert.deepEqual(callsOf('controller/containment/actions').filter((call) => !reads(call)), Object.keys(CALLS).sort())
  })

  it('is what each kind of action says that it needs', () => {
    assert.deepEqual(Object.values(KINDS).flatMap(({ needs }): readonly string[] => needs).filter((need) => !(need in CALLS)), [])
  })

  it('is enough for every call of containment and of its release', () => {
    assert.deepEqual(asked.filter((request) => decide(contain, here(request)) !== 'allowed').map(words), [])
  })

  it('is enough to read the state before and after', () => {
    const reading = callsOf('controller/containment/actions', 'controller/containment/proof.ts', 'controller/containment/release-proof.ts').filter(reads)
    assert.ok(reading.length > 15)
    assert.deepEqual(reading.filter((action) => decide(contain, here({ action, resource: '*' })) !== 'allowed'), [])
  })

  it('has nothing besides', () => {
    const allowed = contain.Statement.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Action = [] }) => Action)
    assert.deepEqual([...new Set(allowed)].filter((action) => !reads(action)).sort(), [...new Set(asked.map(({ action }) => action))].sort())
  })

  const DESTRUCTIVE = [
    'ec2:TerminateInstances', 'ec2:DeleteVolume', 'ec2:DetachVolume', 'ec2:DeleteSnapshot', 'ec2:ModifySnapshotAttribute', 'ec2:DeregisterImage',
    'ec2:DeleteNetworkInterface', 'ec2:DetachNetworkInterface', 'ec2:ReleaseAddress', 'ec2:DeleteVpc', 'ec2:DeleteSubnet', 'ec2:CreateNetworkAclEntry',
    'ec2:RunInstances', 'ec2:RebootInstances', 'ec2:ReplaceIamInstanceProfileAssociation', 'ec2:DeleteFlowLogs',
    'autoscaling:TerminateInstanceInAutoScalingGroup', 'autoscaling:DeleteAutoScalingGroup', 'autoscaling:UpdateAutoScalingGroup',
    'elasticloadbalancing:DeleteLoadBalancer', 'elasticloadbalancing:DeleteTargetGroup', 'elasticloadbalancing:ModifyListener',
    'iam:DeleteUser', 'iam:DeleteAccessKey', 'iam:CreateAccessKey', 'iam:DeleteRole', 'iam:AttachRolePolicy', 'iam:DetachRolePolicy',
    'iam:UpdateAssumeRolePolicy', 'iam:DeleteInstanceProfile', 'iam:AddRoleToInstanceProfile', 'iam:PutUserPolicy',
    'kms:ScheduleKeyDeletion', 'kms:Decrypt', 's3:DeleteObject', 's3:PutObject', 'ssm:SendCommand', 'logs:DeleteLogGroup'
  ]
  for (const action of DESTRUCTIVE) {
    it(`is never ${action}`, () => {
      const everywhere = [...new Set(asked.map(({ resource }) => resource)), '*']
      const everything = { ...MADE, ...MAKING, ...QUARANTINED, ...TO_EC2, ...THROUGH_EC2 }
      assert.deepEqual(everywhere.filter((resource) => decide(contain, here({ action, resource, context: everything })) === 'allowed'), [])
    })
  }

  const REFUSED: Array<[what: string, requests: Request[]]> = [
    ['changes the rules of a group that is not Cleanroom\'s, or deletes it', [
      'AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress', 'RevokeSecurityGroupIngress', 'RevokeSecurityGroupEgress', 'DeleteSecurityGroup'
    ].map((call) => ({ action: `ec2:${call}`, resource: ec2('security-group') }))],
    ['changes a network ACL that is not Cleanroom\'s', ['DeleteNetworkAclEntry', 'DeleteNetworkAcl'].map((call) => ({ action: `ec2:${call}`, resource: ec2('network-acl') }))],
    ['makes a group or an ACL that does not carry Cleanroom\'s tag', [
      { action: 'ec2:CreateSecurityGroup', resource: ec2('security-group') }, { action: 'ec2:CreateNetworkAcl', resource: ec2('network-acl') }
    ]],
    ['makes something Cleanroom\'s by tagging it', ['security-group', 'network-acl', 'instance', 'volume', 'network-interface']
      .map((type) => ({ action: 'ec2:CreateTags', resource: ec2(type), context: { 'aws:RequestTag/cleanroom:managed': 'true', 'aws:TagKeys': ['cleanroom:managed'] } }))],
    ['tags an instance with anything but the case', [{ action: 'ec2:CreateTags', resource: ec2('instance'), context: { 'aws:TagKeys': ['cleanroom:status', 'owner'] } }]],
    ['starts an instance that it did not contain, or gives it a profile', [
      { action: 'ec2:StartInstances', resource: ec2('instance') }, { action: 'ec2:AssociateIamInstanceProfile', resource: ec2('instance') }
    ]],
    ['passes a role to anything but EC2', [
      { action: 'iam:PassRole', resource: SOMEBODYS_ROLE, context: { 'iam:PassedToService': 'lambda.amazonaws.com' } }, { action: 'iam:PassRole', resource: SOMEBODYS_ROLE }
    ]],
    ['touches Cleanroom\'s own roles or those of AWS\'s services', ['PutRolePolicy', 'DeleteRolePolicy', 'PassRole'].flatMap((call) =>
      [names.roleArn('contain'), names.roleArn('controller'), iam('role/cleanroom/rooms/workstation'), iam('role/aws-service-role/autoscaling.amazonaws.com/x'), iam('role/aws-reserved/sso.amazonaws.com/x')]
        .map((resource) => ({ action: `iam:${call}`, resource, context: TO_EC2 })))],
    ['grants a key to anybody but EC2 itself', [
      { action: 'kms:CreateGrant', resource: key, context: { 'kms:ViaService': `ec2.${REGION}.amazonaws.com` } },
      { action: 'kms:CreateGrant', resource: key, context: { 'kms:GrantIsForAWSResource': 'true' } }
    ]],
    ['changes a DNS firewall that is not Cleanroom\'s', Object.entries(CALLS).filter(([call]) => /^route53resolver:(Update|Delete|Disassociate|CreateFirewallRule$)/.test(call))
      .flatMap(([action, authorisations]) => authorisations.map(({ on }) => ({ action, resource: on })))],
    ['acts outside the Regions in scope', asked.filter(({ action }) => !action.startsWith('iam:'))
      .map((request) => ({ ...request, context: { ...request.context, 'aws:RequestedRegion': 'us-east-1' } }))]
  ]
  for (const [what, requests] of REFUSED) {
    it(`never ${what}`, () => {
      assert.ok(requests.length > 0)
      assert.deepEqual(requests.filter((request) => decide(contain, here(request)) === 'allowed').map(words), [])
    })
  }
})

describe('what the acquire role may do', () => {
  it('is enough for triage, for the dry run and for watching flow logs', () => {
    const reading = callsOf('controller/triage', 'controller/containment/watch-traffic.ts')
    assert.ok(reading.includes('logs:FilterLogEvents') && reading.includes('iam:ListAccessKeys'))
    assert.deepEqual(reading.filter((action) => decide(acquire, here({ action, resource: '*' })) !== 'allowed'), [])
    assert.deepEqual(callsOf('controller/containment/permissions.ts'), ['iam:SimulatePrincipalPolicy'])
    assert.equal(decide(acquire, here({ action: 'iam:SimulatePrincipalPolicy', resource: names.roleArn('contain') })), 'allowed')
  })

  it('is not to ask what others may', () => {
    assert.equal(decide(acquire, here({ action: 'iam:SimulatePrincipalPolicy', resource: SOMEBODYS_ROLE })), 'implicit deny')
  })

  it('is none of the changes of containment', () => {
    const shared = asked.filter((request) => !['kms:CreateGrant'].includes(request.action) && decide(acquire, here(request)) === 'allowed')
    assert.deepEqual(shared.map(words), [])
  })
})
