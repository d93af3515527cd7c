/**
 * What everything in the baseline is called: known before anything exists, so that policies can name
 * each other's principals, and the user, other accounts and the controller find things again.
 *
 * Bucket names are unique in the whole partition, hence account and Region in them. IAM is one for all
 * Regions of an account: a second baseline in an account takes another `namePrefix`.
 */

/** Where the baseline lives. */
export interface Place { partition: string, accountId: string, region: string }

/** IAM path of the responders' roles; no responder may change a role below it. */
export const ROLE_PATH = '/cleanroom/'
/** IAM path of the roles and profiles that clean rooms make for their workstations. */
export const ROOM_PATH = '/cleanroom/rooms/'

/** The roles of the response: one per phase, and two for people. */
export const ROLES = ['controller', 'contain', 'acquire', 'build', 'analyse', 'investigator', 'breakGlass'] as const
export type RoleName = typeof ROLES[number]

export const KEYS = ['evidence', 'signing', 'state', 'messages'] as const
export type KeyName = typeof KEYS[number]

export type BaselineNames = ReturnType<typeof baselineNames>

/** All names and the ARNs that follow from them; the ARN of a KMS key does not, its alias does. */
export function baselineNames (prefix: string, place: Place, parameterName: string) {
  const { partition, accountId, region } = place
  const regional = (service: string, resource: string): string => `arn:${partition}:${service}:${region}:${accountId}:${resource}`
  const iam = (resource: string): string => `arn:${partition}:iam::${accountId}:${resource}`
  const bucket = (purpose: string): string => `${prefix}-${purpose}-${accountId}-${region}`
  const roleName = (role: RoleName): string => `${prefix}-${role === 'breakGlass' ? 'break-glass' : role}`
  const roleArn = (role: RoleName): string => iam(`role${ROLE_PATH}${roleName(role)}`)
  return {
    prefix,
    evidenceBucket: bucket('evidence'),
    evidenceBucketArn: `arn:${partition}:s3:::${bucket('evidence')}`,
    stateBucket: bucket('state'),
    stateBucketArn: `arn:${partition}:s3:::${bucket('state')}`,
    roleName,
    roleArn,
    workstation: `${prefix}-workstation`,
    boundary: `${prefix}-workstation-boundary`,
    boundaryArn: iam(`policy${ROLE_PATH}${prefix}-workstation-boundary`),
    intake: `${prefix}-intake`,
    intakeTopicArn: regional('sns', `${prefix}-intake`),
    intakeQueueArn: regional('sqs', `${prefix}-intake`),
    deadLetterQueue: `${prefix}-intake-dead-letter`,
    deadLetterQueueArn: regional('sqs', `${prefix}-intake-dead-letter`),
    notifications: `${prefix}-notifications`,
    notificationTopicArn: regional('sns', `${prefix}-notifications`),
    runPackage: `${prefix}-run-package`,
    parameter: parameterName,
    parameterArn: regional('ssm', `parameter${parameterName}`),
    alias: (key: KeyName): string => `alias/${prefix}-${key}`
  }
}
