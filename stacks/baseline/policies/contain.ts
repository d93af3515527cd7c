/**
 * Containment, its reversal (release), and nothing else: it changes what a suspected machine can reach
 * and who can stop it, on any machine in the account, since no one knows beforehand which it will be.
 *
 * Two rights are wider than one would like, because AWS offers no narrower: ModifyInstanceAttribute and
 * ModifyNetworkInterfaceAttribute cover every attribute; PutRolePolicy, which revokes a role's sessions,
 * cannot be limited to one policy name. So a deny keeps it from every role of Cleanroom's own and from
 * service-linked roles, and its use is to be watched.
 */
import { ROLE_PATH } from '../names.ts'
import { allow, deny, ec2, inScope, ON_OURS, policy, TAGGED_OURS, type PolicyContext, type PolicyDocument } from './document.ts'
import { describeMachines, readIdentities } from './reads.ts'

/** Tags a contained machine carries. `cleanroom:managed` is not among them: it would open the machine to other phases. */
const CASE_TAGS = ['cleanroom:incident', 'cleanroom:status', 'cleanroom:ticket', 'cleanroom:instance']

export function containPolicy (ctx: PolicyContext): PolicyDocument {
  const { partition, accountId } = ctx
  const roles = (path: string): string => `arn:${partition}:iam::${accountId}:role${path}*`
  const groups = `arn:${partition}:autoscaling:*:${accountId}:autoScalingGroup:*:autoScalingGroupName/*`
  const balancing = (kind: string): string => `arn:${partition}:elasticloadbalancing:*:${accountId}:${kind}/*`
  return policy(
    describeMachines(),
    readIdentities(),
    allow('ChangeMachine', {
      Action: [
        'ec2:ModifyInstanceAttribute', 'ec2:ModifyInstanceMetadataOptions', 'ec2:ModifyNetworkInterfaceAttribute', 'ec2:StopInstances'
      ],
      Resource: ec2(ctx, 'instance', 'network-interface', 'security-group', 'volume')
    }),
    allow('MakeIsolationGroup', { Action: ['ec2:CreateSecurityGroup'], Resource: ec2(ctx, 'security-group'), Condition: TAGGED_OURS }),
    allow('MakeIsolationAcl', { Action: ['ec2:CreateNetworkAcl'], Resource: ec2(ctx, 'network-acl'), Condition: TAGGED_OURS }),
    allow('MakeInVpc', { Action: ['ec2:CreateSecurityGroup', 'ec2:CreateNetworkAcl'], Resource: ec2(ctx, 'vpc') }),
    allow('ChangeIsolation', {
      Action: [
        'ec2:AuthorizeSecurityGroupEgress', 'ec2:AuthorizeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress',
        'ec2:RevokeSecurityGroupIngress', 'ec2:DeleteSecurityGroup',
        'ec2:CreateNetworkAclEntry', 'ec2:DeleteNetworkAclEntry', 'ec2:DeleteNetworkAcl'
      ],
      Resource: ec2(ctx, 'security-group', 'network-acl'),
      Condition: ON_OURS
    }),
    allow('SwapAcl', { Action: ['ec2:ReplaceNetworkAclAssociation'], Resource: ec2(ctx, 'network-acl', 'subnet') }),
    allow('TagWhatIsMade', {
      Action: ['ec2:CreateTags'],
      Resource: ec2(ctx, 'security-group', 'security-group-rule', 'network-acl'),
      Condition: {
        StringEquals: {
          'ec2:CreateAction': [
            'CreateSecurityGroup', 'CreateNetworkAcl', 'AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress'
          ]
        }
      }
    }),
    allow('TagCase', {
      Action: ['ec2:CreateTags', 'ec2:DeleteTags'],
      Resource: ec2(ctx, 'instance', 'volume', 'network-interface'),
      Condition: {
        'ForAllValues:StringEquals': { 'aws:TagKeys': CASE_TAGS },
        Null: { 'aws:TagKeys': 'false' }
      }
    }),
    allow('LeaveAutoScaling', {
      Action: [
        'autoscaling:DetachInstances', 'autoscaling:AttachInstances', 'autoscaling:EnterStandby', 'autoscaling:ExitStandby',
        'autoscaling:SetInstanceProtection', 'autoscaling:SuspendProcesses', 'autoscaling:ResumeProcesses'
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
    // Giving a profile is for machines in quarantine: the one before, at release.
    allow('GiveProfile', {
      Action: ['ec2:AssociateIamInstanceProfile', 'ec2:ReplaceIamInstanceProfileAssociation'],
      Resource: ec2(ctx, 'instance'),
      Condition: { StringEquals: { 'aws:ResourceTag/cleanroom:status': 'quarantined' } }
    }),
    allow('PassProfile', {
      Action: ['iam:PassRole'],
      Resource: [roles('/')],
      Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }
    }),
    allow('RevokeSessions', { Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'], Resource: [roles('/')] }),
    deny('NotOurOwnRoles', {
      Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:PassRole'],
      Resource: [roles(ROLE_PATH), roles('/aws-service-role/'), roles('/aws-reserved/')]
    }),
    inScope(ctx)
  )
}
