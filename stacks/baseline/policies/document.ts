/** IAM policy documents as plain data: what AWS reads, what the tests read, what the documentation shows. */
import type { BaselineNames, Place } from '../names.ts'

export interface Statement {
  Sid: string
  Effect: 'Allow' | 'Deny'
  Principal?: '*' | { AWS?: string | string[], Service?: string | string[] }
  Action?: string[]
  NotAction?: string[]
  Resource?: string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

export interface PolicyDocument {
  Version: '2012-10-17'
  Statement: Statement[]
}

/** What policies are made from; all of it plain text. */
export interface PolicyContext extends Place {
  names: BaselineNames
  evidenceKeyArn: string
  signingKeyArn: string
  stateKeyArn: string
  messagesKeyArn: string
  /** Accounts whose instances may be responded to, and Regions; the baseline's own always among them. */
  accounts: string[]
  regions: string[]
}

export function policy (...statements: Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements }
}

export const allow = (Sid: string, rest: Omit<Statement, 'Sid' | 'Effect'>): Statement => ({ Sid, Effect: 'Allow', ...rest })
export const deny = (Sid: string, rest: Omit<Statement, 'Sid' | 'Effect'>): Statement => ({ Sid, Effect: 'Deny', ...rest })

/** ARNs of all EC2 resources of these types in the account, in every Region. */
export function ec2 ({ partition, accountId }: Place, ...types: string[]): string[] {
  // Snapshots and images carry no account in their ARN (Service Authorization Reference, "Amazon EC2").
  return types.map(type => `arn:${partition}:ec2:*:${['snapshot', 'image'].includes(type) ? '' : accountId}:${type}/*`)
}

/** The thing that is acted on was made by Cleanroom. */
export const ON_OURS = { StringEquals: { 'aws:ResourceTag/cleanroom:managed': 'true' } }
/** The thing that is made is tagged as Cleanroom's in the same call. */
export const TAGGED_OURS = { StringEquals: { 'aws:RequestTag/cleanroom:managed': 'true' } }

/** The account's own principals, narrowed to these roles: stays true when a role is deleted and made again. */
export function onlyRoles (place: Place, roleArns: string[]): Pick<Statement, 'Principal' | 'Condition'> {
  return {
    Principal: { AWS: accountRoot(place) },
    Condition: { ArnLike: { 'aws:PrincipalArn': roleArns } }
  }
}

export const accountRoot = ({ partition, accountId }: Place): string => `arn:${partition}:iam::${accountId}:root`

/** No call outside the Regions in scope; services without Regions are left out. */
export function inScope ({ regions }: PolicyContext): Statement {
  return deny('OutsideTheRegionsInScope', {
    NotAction: ['iam:*', 'sts:*', 'route53:*'],
    Resource: ['*'],
    Condition: { StringNotEquals: { 'aws:RequestedRegion': regions } }
  })
}

/** Nothing but TLS, for a bucket, queue or topic. */
export function tlsOnly (action: string, resources: string[]): Statement {
  return deny('PlainTextTransport', {
    Principal: '*', Action: [action], Resource: resources, Condition: { Bool: { 'aws:SecureTransport': 'false' } }
  })
}
