/** Entry point of `pulumi up`: the stack's configuration in, the stack's outputs out. */
import { stackConfig } from './config.ts'
import { baseline } from './program.ts'

export const {
  version, accountId, region, partition, evidenceBucket, evidenceKeyArn, retention, signingKeyArn, stateBucket, stateKeyArn,
  roles, workstation, intake, notificationTopicArn, documents, scope, keptOnDestroy
} = await baseline(stackConfig())
