/**
 * Building and removing clean rooms. What it makes it tags as Cleanroom's in the same call; what it
 * changes or removes must carry that tag already. The roles it makes for workstations lie below one
 * path and carry the baseline's permissions boundary, which it can neither change nor lift.
 */
import { ROOM_PATH } from '../names.ts'
import { allow, ec2, inScope, ON_OURS, policy, TAGGED_OURS, type PolicyContext, type PolicyDocument } from './document.ts'
import { VOLUME_USE } from './keys.ts'
import { describeMachines, readIdentities } from './reads.ts'

/** What makes which part of a room; security groups' rules are parts, too, with tags of their own. */
const MAKES: Record<string, string[]> = {
  vpc: ['CreateVpc'],
  subnet: ['CreateSubnet'],
  'route-table': ['CreateRouteTable'],
  'security-group': ['CreateSecurityGroup'],
  'security-group-rule': ['AuthorizeSecurityGroupEgress', 'AuthorizeSecurityGroupIngress'],
  'vpc-endpoint': ['CreateVpcEndpoint'],
  'vpc-flow-log': ['CreateFlowLogs'],
  volume: ['CreateVolume'],
  instance: ['RunInstances']
}
const PARTS = Object.keys(MAKES)
/** Parts that others are made in or of. A request's tags hold for all it names, so each has a statement of its own. */
const FRAME = ['vpc', 'subnet', 'route-table', 'security-group']

const calls = (parts: string[]): string[] => parts.flatMap(part => MAKES[part] ?? []).map(action => `ec2:${action}`)

export function buildPolicy (ctx: PolicyContext): PolicyDocument {
  const { partition, accountId, names } = ctx
  const throughEc2 = { StringLike: { 'kms:ViaService': 'ec2.*.amazonaws.com' } }
  const keys = [`arn:${partition}:kms:*:${accountId}:key/*`]
  const role = [`arn:${partition}:iam::${accountId}:role${ROOM_PATH}*`]
  const profile = [`arn:${partition}:iam::${accountId}:instance-profile${ROOM_PATH}*`]
  const bounded = { StringEquals: { 'iam:PermissionsBoundary': names.boundaryArn } }
  return policy(
    describeMachines(),
    readIdentities(),
    ...[...FRAME.map(part => [part]), PARTS.filter(part => !FRAME.includes(part))].map((parts, index) =>
      allow(`Make${index + 1}`, { Action: calls(parts), Resource: ec2(ctx, ...parts), Condition: TAGGED_OURS })),
    allow('MakeWithin', { Action: calls(PARTS), Resource: ec2(ctx, ...FRAME, 'snapshot'), Condition: ON_OURS }),
    // A launch makes the first interface and the root disk by itself.
    allow('LaunchWorkstation', { Action: ['ec2:RunInstances'], Resource: ec2(ctx, 'image', 'snapshot', 'network-interface', 'volume') }),
    allow('TagWhatIsMade', {
      Action: ['ec2:CreateTags'],
      Resource: ec2(ctx, ...PARTS),
      Condition: { StringEquals: { 'ec2:CreateAction': Object.values(MAKES).flat() } }
    }),
    allow('TagOurs', { Action: ['ec2:CreateTags', 'ec2:DeleteTags'], Resource: ec2(ctx, ...PARTS), Condition: ON_OURS }),
    allow('ChangeOurs', {
      Action: [
        'ec2:ModifyVpcAttribute', 'ec2:ModifySubnetAttribute', 'ec2:ModifyVpcEndpoint', 'ec2:ModifyInstanceAttribute',
        'ec2:ModifyInstanceMetadataOptions', 'ec2:AssociateRouteTable', 'ec2:DisassociateRouteTable',
        'ec2:AuthorizeSecurityGroupEgress', 'ec2:AuthorizeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress',
        'ec2:RevokeSecurityGroupIngress', 'ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:StopInstances', 'ec2:TerminateInstances',
        'ec2:DeleteVpc', 'ec2:DeleteSubnet', 'ec2:DeleteRouteTable', 'ec2:DeleteSecurityGroup', 'ec2:DeleteVpcEndpoints',
        'ec2:DeleteFlowLogs', 'ec2:DeleteVolume'
      ],
      Resource: ec2(ctx, ...PARTS),
      Condition: ON_OURS
    }),
    // A network's default group has no tags that a condition could ask for; taking rules away opens nothing.
    allow('CloseDefaultGroup', {
      Action: ['ec2:RevokeSecurityGroupEgress', 'ec2:RevokeSecurityGroupIngress'], Resource: ec2(ctx, 'security-group')
    }),
    // AWS PrivateLink Guide: private DNS of an interface endpoint is a hosted zone in the network.
    allow('PrivateNames', { Action: ['route53:AssociateVPCWithHostedZone'], Resource: [`arn:${partition}:route53:::hostedzone/*`] }),
    // Flow logs to S3 (VPC User Guide); log deliveries have no ARN.
    allow('FlowLogs', { Action: ['logs:CreateLogDelivery', 'logs:GetLogDelivery', 'logs:DeleteLogDelivery'], Resource: ['*'] }),
    allow('MakeWorkstationRole', { Action: ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:DeleteRolePolicy'], Resource: role, Condition: bounded }),
    allow('KeepWorkstationRole', { Action: ['iam:DeleteRole', 'iam:TagRole', 'iam:UntagRole', 'iam:ListRoleTags'], Resource: role }),
    allow('WorkstationProfile', {
      Action: [
        'iam:CreateInstanceProfile', 'iam:DeleteInstanceProfile', 'iam:AddRoleToInstanceProfile', 'iam:RemoveRoleFromInstanceProfile',
        'iam:TagInstanceProfile', 'iam:UntagInstanceProfile'
      ],
      Resource: profile
    }),
    allow('AddRoleToProfile', { Action: ['iam:AddRoleToInstanceProfile', 'iam:RemoveRoleFromInstanceProfile'], Resource: role }),
    allow('GiveWorkstationRole', {
      Action: ['iam:PassRole'], Resource: role, Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }
    }),
    allow('FindImage', {
      Action: ['ssm:GetParameter'],
      Resource: [`arn:${partition}:ssm:*::parameter/aws/service/*`, `arn:${partition}:ssm:*:${accountId}:parameter/${names.prefix}/*`]
    }),
    allow('FindLeftovers', { Action: ['tag:GetResources', 'iam:ListRoles', 'iam:ListInstanceProfiles'], Resource: ['*'] }),
    allow('DiskKeys', { Action: VOLUME_USE, Resource: keys, Condition: throughEc2 }),
    allow('DiskKeyGrants', { Action: ['kms:CreateGrant'], Resource: keys, Condition: { ...throughEc2, Bool: { 'kms:GrantIsForAWSResource': 'true' } } }),
    inScope(ctx)
  )
}
