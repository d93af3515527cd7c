/**
 * What the workstation may do, said twice: by its role and by the endpoints, the only ways out of the room.
 *
 * Actions of the SSM agent after "Systems Manager: instance permissions"; S3 encrypts and decrypts on
 * the workstation's behalf, so KMS needs no endpoint, only a grant by way of S3.
 */
import { ROOM_IAM_PATH, workstationRoleName, type RoomIdentity } from './room-input.ts'

export interface Statement {
  Sid: string
  Effect: 'Allow'
  Principal?: '*'
  Action: string[]
  Resource: string | string[]
  Condition?: Record<string, Record<string, string>>
}

export interface PolicyDocument {
  Version: '2012-10-17'
  Statement: Statement[]
}

/** The Systems Manager services of the room: each is an interface endpoint, with these actions and no others. */
export const AGENT_ACTIONS = {
  ssm: ['ssm:UpdateInstanceInformation', 'ssm:ListInstanceAssociations'],
  ssmmessages: [
    'ssmmessages:CreateControlChannel', 'ssmmessages:CreateDataChannel',
    'ssmmessages:OpenControlChannel', 'ssmmessages:OpenDataChannel'
  ],
  ec2messages: [
    'ec2messages:AcknowledgeMessage', 'ec2messages:DeleteMessage', 'ec2messages:FailMessage',
    'ec2messages:GetEndpoint', 'ec2messages:GetMessages', 'ec2messages:SendReply'
  ]
} as const

export type InterfaceService = keyof typeof AGENT_ACTIONS

export function workstationRoleArn ({ incidentId, baseline }: RoomIdentity): string {
  return `arn:${baseline.partition}:iam::${baseline.accountId}:role${ROOM_IAM_PATH}${workstationRoleName(incidentId)}`
}

/** The workstation's own rights: its agent, the packages, and this incident's evidence. */
export function workstationPolicy (room: RoomIdentity): PolicyDocument {
  return policy([
    { Sid: 'Agent', Effect: 'Allow', Action: Object.values(AGENT_ACTIONS).flat(), Resource: '*' },
    ...evidenceStatements(room),
    {
      Sid: 'EvidenceKeyByWayOfS3',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: room.baseline.evidenceKeyArn,
      Condition: { StringEquals: { 'kms:ViaService': `s3.${room.baseline.region}.amazonaws.com` } }
    }
  ])
}

/** What an interface endpoint lets through: this incident's workstation, its agent's actions. */
export function agentEndpointPolicy (room: RoomIdentity, service: InterfaceService): PolicyDocument {
  return policy([only(room, { Sid: 'Agent', Effect: 'Allow', Action: [...AGENT_ACTIONS[service]], Resource: '*' })])
}

/** What the S3 gateway lets through: this incident's workstation, the packages and this incident's evidence. */
export function evidenceEndpointPolicy (room: RoomIdentity): PolicyDocument {
  return policy(evidenceStatements(room).map(statement => only(room, statement)))
}

/** The document that lets EC2, and nothing else, hand out the role. */
export const WORKSTATION_TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }]
}

function evidenceStatements ({ incidentId, baseline }: RoomIdentity): Statement[] {
  const bucket = `arn:${baseline.partition}:s3:::${baseline.evidenceBucket}`
  return [
    { Sid: 'ReadPackages', Effect: 'Allow', Action: ['s3:GetObject'], Resource: `${bucket}/packages/*` },
    { Sid: 'ReadIncident', Effect: 'Allow', Action: ['s3:GetObject'], Resource: `${bucket}/incidents/${incidentId}/*` },
    {
      Sid: 'WriteAnalyses',
      Effect: 'Allow',
      Action: ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      Resource: `${bucket}/incidents/${incidentId}/analysis/*`
    }
  ]
}

/** An endpoint policy names its principal by condition: a gateway endpoint takes no other form. */
function only (room: RoomIdentity, statement: Statement): Statement {
  return { ...statement, Principal: '*', Condition: { StringEquals: { 'aws:PrincipalArn': workstationRoleArn(room) } } }
}

function policy (statements: Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements }
}
