/**
 * Containment, its reversal (release), and nothing else: it changes what a suspected machine can reach
 * and who can stop it, on any machine in the account, since no one knows beforehand which it will be.
 *
 * Some rights are wider than one would like, because AWS offers no narrower: ModifyInstanceAttribute and
 * ModifyNetworkInterfaceAttribute cover every attribute; UpdateAccessKey also activates; TagResource of Route 53
 * Resolver does not tell a new thing from one that is there; PutRolePolicy, which revokes a role's sessions, cannot
 * be limited to one policy name. So a deny keeps it from every role of Cleanroom's own and from service-linked
 * roles, and its use is to be watched.
 *
 * What each call is authorised on, and with which condition keys: Service Authorization Reference, the service's page.
 */
import { ROLE_PATH } from '../names.ts'
import { allow, deny, ec2, inScope, ON_OURS, policy, TAGGED_OURS, type PolicyContext, type PolicyDocument } from './document.ts'
import { describeMachines, readAccessKeys, readDnsFirewalls, readIdentities } from './reads.ts'

/** Tags a contained machine carries. `cleanroom:managed` is not among them: it would open the machine to other phases. */
const CASE_TAGS = ['cleanroom:incident', 'cleanroom:status', 'cleanroom:ticket', 'cleanroom:instance']
/** What would open a way is for contained machines alone, at release; the tag is the first thing to come and the last to go. */
const ON_QUARANTINED = { StringEquals: { 'aws:ResourceTag/cleanroom:status': 'quarantined' } }

export function containPolicy (ctx: PolicyContext): PolicyDocument {
  const { partition, accountId } = ctx
  const roles = (path: string): string => `arn:${partition}:iam::${accountId}:role${path}*`
  const groups = `arn:${partition}:autoscaling:*:${accountId}:autoScalingGroup:*:autoScalingGroupName/*`
  const balancing = (kind: string): string => `arn:${partition}:elasticloadbalancing:*:${accountId}:${kind}/*`
  const dns = ['firewall-domain-list', 'firewall-rule-group', 'firewall-rule-group-association']
    .map(type => `arn:${partition}:route53resolver:*:${accountId}:${type}/*`)
  return policy(
    describeMachines(),
    readIdentities(),
    readAccessKeys(),
    readDnsFirewalls(),
    allow('ChangeMachine', {
      Action: ['ec2:ModifyInstanceAttribute', 'ec2:ModifyInstanceMetadataOptions', 'ec2:StopInstances'],
      Resource: ec2(ctx, 'instance', 'volume')
    }),
    allow('ChangeInterfaces', {
      Action: ['ec2:ModifyNetworkInterfaceAttribute'], Resource: ec2(ctx, 'network-interface', 'instance', 'security-group')
    }),
    allow('StartAgain', { Action: ['ec2:StartInstances'], Resource: ec2(ctx, 'instance'), Condition: ON_QUARANTINED }),
    // EBS User Guide, "Requirements for Amazon EBS encryption": a start takes a new grant of each disk's key.
    allow('DiskKeyGrants', {
      Action: ['kms:CreateGrant'],
      Resource: [`arn:${partition}:kms:*:${accountId}:key/*`],
      Condition: { StringLike: { 'kms:ViaService': 'ec2.*.amazonaws.com' }, Bool: { 'kms:GrantIsForAWSResource': 'true' } }
    }),
    allow('MakeIsolationGroup', { Action: ['ec2:CreateSecurityGroup'], Resource: ec2(ctx, 'security-group'), Condition: TAGGED_OURS }),
    allow('MakeIsolationAcl', { Action: ['ec2:CreateNetworkAcl'], Resource: ec2(ctx, 'network-acl'), Condition: TAGGED_OURS }),
    allow('MakeInVpc', { Action: ['ec2:CreateSecurityGroup', 'ec2:CreateNetworkAcl'], Resource: ec2(ctx, 'vpc') }),
    allow('ChangeIsolation', {
      Action: [
        'ec2:AuthorizeSecurityGroupEgress', 'ec2:AuthorizeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress',
        'ec2:RevokeSecurityGroupIngress', 'ec2:DeleteSecurityGroup', 'ec2:DeleteNetworkAclEntry', 'ec2:DeleteNetworkAcl'
      ],
      Resource: ec2(ctx, 'security-group', 'network-acl'),
      Condition: ON_OURS
    }),
    allow('SwapAcl', { Action: ['ec2:ReplaceNetworkAclAssociation'], Resource: ec2(ctx, 'network-acl', 'subnet') }),
    allow('TagWhatIsMade', {
      Action: ['ec2:CreateTags'],
      Resource: ec2(ctx, 'security-group', 'network-acl'),
      Condition: { StringEquals: { 'ec2:CreateAction': ['CreateSecurityGroup', 'CreateNetworkAcl'] } }
    }),
    allow('TagCase', {
      Action: ['ec2:CreateTags', 'ec2:DeleteTags'],
      Resource: ec2(ctx, 'instance', 'volume', 'network-interface'),
      Condition: {
        'ForAllValues:StringEquals': { 'aws:TagKeys': CASE_TAGS },
        Null: { 'aws:TagKeys': 'false' }
      }
    }),
    allow('MakeDnsBlock', {
      Action: [
        'route53resolver:CreateFirewallDomainList', 'route53resolver:CreateFirewallRuleGroup', 'route53resolver:AssociateFirewallRuleGroup',
        'route53resolver:TagResource'
      ],
      Resource: dns,
      Condition: TAGGED_OURS
    }),
    allow('ChangeDnsBlock', {
      Action: [
        'route53resolver:UpdateFirewallDomains', 'route53resolver:DeleteFirewallDomainList', 'route53resolver:CreateFirewallRule',
        'route53resolver:DeleteFirewallRule', 'route53resolver:DeleteFirewallRuleGroup', 'route53resolver:DisassociateFirewallRuleGroup'
      ],
      Resource: dns,
      Condition: ON_OURS
    }),
    allow('LeaveAutoScaling', {
      Action: [
        'autoscaling:DetachInstances', 'autoscaling:AttachInstances', 'autoscaling:EnterStandby', 'autoscaling:ExitStandby',
        'autoscaling:SetInstanceProtection', 'autoscaling:SetInstanceHealth', 'autoscaling:SuspendProcesses', 'autoscaling:ResumeProcesses'
      ],
      Resource: [groups]
    }),
    allow('LeaveTargetGroups', {
      Action: ['elasticloadbalancing:DeregisterTargets', 'elasticloadbalancing:RegisterTargets'],
      Resource: [balancing('targetgroup')]
    }),
    allow('LeaveClassicBalancers', {
      Action: ['elasticloadbalancing:DeregisterInstancesFromLoadBalancer', 'elasticloadbalancing:RegisterInstancesWithLoadBalancer'],
      Resource: [balancing('loadbalancer')]
    }),
    allow('PublicAddress', {
      Action: ['ec2:DisassociateAddress', 'ec2:AssociateAddress'],
      Resource: ec2(ctx, 'elastic-ip', 'instance', 'network-interface')
    }),
    allow('TakeProfile', { Action: ['ec2:DisassociateIamInstanceProfile'], Resource: ec2(ctx, 'instance') }),
    allow('GiveProfile', { Action: ['ec2:AssociateIamInstanceProfile'], Resource: ec2(ctx, 'instance'), Condition: ON_QUARANTINED }),
    allow('PassProfile', {
      Action: ['iam:PassRole'],
      Resource: [roles('/')],
      Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }
    }),
    allow('RevokeSessions', { Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'], Resource: [roles('/')] }),
    allow('SwitchAccessKeys', { Action: ['iam:UpdateAccessKey'], Resource: [`arn:${partition}:iam::${accountId}:user/*`] }),
    deny('NotOurOwnRoles', {
      Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:PassRole'],
      Resource: [roles(ROLE_PATH), roles('/aws-service-role/'), roles('/aws-reserved/')]
    }),
    inScope(ctx)
  )
}
