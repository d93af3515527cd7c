/**
 * Workstations: what one may do before it belongs to an incident (talk to Systems Manager), and the
 * boundary that no incident's workstation role can exceed, whatever its own policy says.
 */
import { allow, deny, policy, type PolicyContext, type PolicyDocument } from './document.ts'

/** AmazonSSMManagedInstanceCore less its parameters, documents and inventory: the agent's channel only. */
const AGENT = [
  'ssm:ListInstanceAssociations', 'ssm:UpdateInstanceInformation',
  'ssmmessages:CreateControlChannel', 'ssmmessages:CreateDataChannel', 'ssmmessages:OpenControlChannel', 'ssmmessages:OpenDataChannel',
  'ec2messages:AcknowledgeMessage', 'ec2messages:DeleteMessage', 'ec2messages:FailMessage', 'ec2messages:GetEndpoint',
  'ec2messages:GetMessages', 'ec2messages:SendReply'
]
const WRITE = ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts']
const KEY = ['kms:Decrypt', 'kms:GenerateDataKey']
const LOG = ['logs:CreateLogStream', 'logs:DescribeLogGroups', 'logs:DescribeLogStreams', 'logs:PutLogEvents']

export function workstationPolicy (): PolicyDocument {
  return policy(allow('Agent', { Action: AGENT, Resource: ['*'] }))
}

export function workstationBoundary ({ names, evidenceKeyArn, partition, accountId }: PolicyContext): PolicyDocument {
  return policy(
    allow('Agent', { Action: AGENT, Resource: ['*'] }),
    allow('ReadPackages', { Action: ['s3:GetObject'], Resource: [`${names.evidenceBucketArn}/packages/*`] }),
    // The incident's own role narrows this to the incident's prefix.
    allow('Evidence', { Action: ['s3:GetObject', ...WRITE], Resource: [`${names.evidenceBucketArn}/incidents/*`] }),
    allow('EvidenceKey', {
      Action: KEY, Resource: [evidenceKeyArn], Condition: { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } }
    }),
    allow('Logs', { Action: LOG, Resource: [`arn:${partition}:logs:*:${accountId}:log-group:/${names.prefix}/*`] }),
    // A boundary's silence does not bind grants made by a resource's own policy; this does.
    deny('NothingElse', { NotAction: [...AGENT, 's3:GetObject', ...WRITE, ...KEY, ...LOG], Resource: ['*'] })
  )
}
