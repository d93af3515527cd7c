/**
 * The baseline: the permanent part of Cleanroom in one account and Region. `pulumi up` at the root of
 * the repository runs this program, and so does whoever installs it through the Automation API.
 *
 * What `pulumi destroy` does:
 * - It removes everything but the evidence vault with its protection, the key that evidence is encrypted
 *   under, the key that signatures are checked with, and their aliases. Those it drops from the stack and
 *   leaves standing (`retainOnDelete`), because Object Lock keeps evidence until its time is over, and a
 *   vault without its keys is no evidence. `pulumi destroy` marks exactly them `[retain]`; the output
 *   `keptOnDestroy` says the same in words beforehand.
 * - The next `pulumi up` finds them by name and takes them back into the stack as they are.
 * - With `cleanroom:keepEvidence` set to false (and `pulumi up` run once) destroy removes the vault as
 *   well if it is empty. AWS refuses to delete one that is not; its keys, protection and contents then
 *   stay as they were, since they go after the vault or not at all.
 * - Rooms' state goes, with all versions: close every incident before.
 * - Keys are not gone at once: KMS holds a deleted key for 30 days, in which it can be brought back.
 */
import { readFileSync } from 'node:fs'
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { BaselineConfig } from './config.ts'
import { findKept } from './kept.ts'
import { EVIDENCE_KEYS, Keys } from './keys.ts'
import { Messages } from './messages.ts'
import { baselineNames, ROLES, type RoleName } from './names.ts'
import type { BaselineOutputs } from './outputs.ts'
import type { PolicyContext } from './policies/document.ts'
import { ResponderRoles } from './roles.ts'
import { runPackageDocument } from './run-package-document.ts'
import { StateBackend } from './state.ts'
import { tags } from './tags.ts'
import { EvidenceVault } from './vault.ts'

const BOOTSTRAP = new URL('../../scripts/run-package/bootstrap.py', import.meta.url)

/** The stack's outputs: what the controller reads, and what a destroy would leave. */
export type StackOutputs = { [K in keyof BaselineOutputs]-?: pulumi.Output<NonNullable<BaselineOutputs[K]>> } & { keptOnDestroy: pulumi.Output<string[]> }

/** Declares the baseline's resources with the default provider. */
export async function baseline (config: BaselineConfig): Promise<StackOutputs> {
  const [{ accountId }, { region }, { partition }] = await Promise.all([aws.getCallerIdentity(), aws.getRegion(), aws.getPartition()])
  const names = baselineNames(config.namePrefix, { partition, accountId, region }, config.parameterName)
  const kept = await findKept(names.evidenceBucket, Object.fromEntries(EVIDENCE_KEYS.map(key => [key, names.alias(key)])))
  const keep = config.keepEvidence

  const keys = new Keys('keys', { names, kept, keep })
  const { evidence, signing, state, messages } = keys.keys
  const ctx = pulumi.all([evidence.arn, signing.arn, state.arn, messages.arn]).apply(
    ([evidenceKeyArn, signingKeyArn, stateKeyArn, messagesKeyArn]): PolicyContext => ({
      partition,
      accountId,
      region,
      names,
      evidenceKeyArn,
      signingKeyArn,
      stateKeyArn,
      messagesKeyArn,
      accounts: [...new Set([accountId, ...config.allowedAccounts])],
      regions: [...new Set([region, ...config.allowedRegions])]
    }))
  keys.govern(ctx, keep)
  const vault = new EvidenceVault('evidence-vault', {
    bucketName: names.evidenceBucket, keys, retention: config.retention, keep, exists: kept.bucket !== undefined, ctx
  })
  const rooms = new StateBackend('room-state', { bucketName: names.stateBucket, key: state, ctx })
  const roles = new ResponderRoles('responder', { ctx, config })
  const channels = new Messages('messages', { names, key: messages, ctx, emails: config.notificationEmails })
  const runPackage = new aws.ssm.Document('run-package', {
    name: names.runPackage,
    documentType: 'Command',
    documentFormat: 'JSON',
    targetType: '/AWS::EC2::Instance',
    content: JSON.stringify(runPackageDocument(readFileSync(BOOTSTRAP, 'utf8'))),
    tags: tags('run-package')
  })

  const outputs: pulumi.Output<BaselineOutputs> = pulumi.output({
    version: 1 as const,
    accountId,
    region,
    partition,
    evidenceBucket: vault.bucket.bucket,
    evidenceKeyArn: evidence.arn,
    retention: config.retention,
    signingKeyArn: signing.arn,
    stateBucket: rooms.bucket.bucket,
    stateKeyArn: state.arn,
    roles: Object.fromEntries(ROLES.map(role => [role, roles.roles[role].arn])) as Record<RoleName, pulumi.Output<string>>,
    workstation: {
      roleArn: roles.workstation.arn,
      instanceProfile: roles.instanceProfile.name,
      boundaryArn: roles.boundary.arn,
      image: config.workstation.image,
      instanceTypes: config.workstation.instanceTypes
    },
    intake: { topicArn: channels.topic.arn, queueUrl: channels.queue.url, deadLetterQueueUrl: channels.deadLetterQueue.url },
    notificationTopicArn: channels.notifications.arn,
    documents: { runPackage: runPackage.name },
    scope: ctx.apply(({ accounts, regions }) => ({ accounts, regions }))
  })
  // eslint-disable-next-line no-new
  new aws.ssm.Parameter('baseline', {
    name: config.parameterName,
    type: 'String',
    description: 'What the Cleanroom baseline made; read by the controller',
    value: outputs.apply(known => JSON.stringify(known)),
    tags: tags('baseline')
  })

  return {
    version: outputs.version,
    accountId: outputs.accountId,
    region: outputs.region,
    partition: outputs.partition,
    evidenceBucket: outputs.evidenceBucket,
    evidenceKeyArn: outputs.evidenceKeyArn,
    retention: outputs.retention,
    signingKeyArn: outputs.signingKeyArn,
    stateBucket: outputs.stateBucket,
    stateKeyArn: outputs.stateKeyArn,
    roles: outputs.roles,
    workstation: outputs.workstation,
    intake: outputs.intake,
    notificationTopicArn: outputs.notificationTopicArn,
    documents: outputs.documents,
    scope: outputs.apply(({ scope }) => scope ?? { accounts: [accountId], regions: [region] }),
    keptOnDestroy: outputs.apply(known => keep
      ? [
          `Evidence vault ${known.evidenceBucket}: Object Lock keeps its contents (${known.retention.mode}, ${known.retention.days} days and more)`,
          `Key ${known.evidenceKeyArn}, which evidence is encrypted under`,
          `Key ${known.signingKeyArn}, which signatures are checked with`
        ]
      : ['The evidence vault and its keys if it holds anything; nothing if it is empty'])
  }
}
