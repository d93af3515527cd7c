/**
 * What the baseline tells the controller: one JSON document in Parameter Store, so that nobody copies an ARN by hand.
 */
import { Type, type Static } from 'typebox'

/** Where the baseline publishes itself; a second baseline in one account and Region takes another name. */
export const DEFAULT_BASELINE_PARAMETER = '/cleanroom/baseline'

const Arn = Type.String({ pattern: '^arn:' })

export const BaselineOutputs = Type.Object({
  version: Type.Literal(1),
  accountId: Type.String(),
  region: Type.String(),
  partition: Type.String(),
  evidenceBucket: Type.String(),
  evidenceKeyArn: Arn,
  retention: Type.Object({ mode: Type.Enum(['GOVERNANCE', 'COMPLIANCE']), days: Type.Integer({ minimum: 1 }) }),
  signingKeyArn: Arn,
  stateBucket: Type.String(),
  stateKeyArn: Arn,
  roles: Type.Object({
    controller: Arn, contain: Arn, acquire: Arn, build: Arn, analyse: Arn, investigator: Arn, breakGlass: Arn
  }),
  workstation: Type.Object({
    roleArn: Arn,
    instanceProfile: Type.String(),
    /** Permissions boundary that every incident's workstation role carries. */
    boundaryArn: Arn,
    /** AMI id, or the name of the SSM parameter that holds it. */
    image: Type.String(),
    instanceTypes: Type.Array(Type.String(), { minItems: 1 })
  }),
  intake: Type.Object({ topicArn: Arn, queueUrl: Type.String(), deadLetterQueueUrl: Type.String() }),
  notificationTopicArn: Arn,
  /** Names of the SSM documents by what they do. */
  documents: Type.Object({ runPackage: Type.String() }),
  /** What may be responded to; the roles work nowhere else. */
  scope: Type.Optional(Type.Object({ accounts: Type.Array(Type.String()), regions: Type.Array(Type.String()) }))
})
export type BaselineOutputs = Static<typeof BaselineOutputs>
