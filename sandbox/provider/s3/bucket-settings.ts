/** Settings of a bucket that are resources of their own: put to create and update, removed on delete. */
import {
  DeleteBucketEncryptionCommand, DeleteBucketLifecycleCommand, DeleteBucketOwnershipControlsCommand, DeleteBucketPolicyCommand,
  DeletePublicAccessBlockCommand, GetBucketEncryptionCommand, GetBucketLifecycleConfigurationCommand, GetBucketLoggingCommand,
  GetBucketNotificationConfigurationCommand, GetBucketOwnershipControlsCommand, GetBucketPolicyCommand, GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand, GetPublicAccessBlockCommand, PutBucketEncryptionCommand, PutBucketLifecycleConfigurationCommand,
  PutBucketLoggingCommand, PutBucketNotificationConfigurationCommand, PutBucketOwnershipControlsCommand, PutBucketPolicyCommand,
  PutBucketVersioningCommand, PutObjectLockConfigurationCommand, PutPublicAccessBlockCommand, type BucketVersioningStatus, type Event,
  type MFADelete, type NotificationConfiguration, type ObjectLockRetentionMode, type ObjectOwnership, type ServerSideEncryption
} from '@aws-sdk/client-s3'
import type { BucketLoggingArgs } from '@pulumi/aws/s3/bucketLogging.js'
import type { BucketLifecycleConfigurationArgs } from '@pulumi/aws/s3/bucketLifecycleConfiguration.js'
import type { BucketNotificationArgs } from '@pulumi/aws/s3/bucketNotification.js'
import type { BucketObjectLockConfigurationArgs } from '@pulumi/aws/s3/bucketObjectLockConfiguration.js'
import type { BucketOwnershipControlsArgs } from '@pulumi/aws/s3/bucketOwnershipControls.js'
import type { BucketPolicyArgs } from '@pulumi/aws/s3/bucketPolicy.js'
import type { BucketPublicAccessBlockArgs } from '@pulumi/aws/s3/bucketPublicAccessBlock.js'
import type { BucketServerSideEncryptionConfigurationArgs } from '@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js'
import type { BucketVersioningArgs } from '@pulumi/aws/s3/bucketVersioning.js'
import { Type, type Static, type TProperties } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import type { InputsOf, ResourceType } from '../engine/resource-type.ts'
import { may, must, type Properties } from '../engine/schema.ts'
import { lifecycleRequest, lifecycleRules, lifecycleRulesSchema } from './lifecycle-rules.ts'
import { ofSetting, s3, setting, settingId, settled } from './client.ts'

interface Setting<P extends TProperties> {
  inputs: P
  put (call: AwsCall, of: ReturnType<typeof ofSetting>, inputs: InputsOf<P>): Promise<unknown>
  /** What the bucket has, without the bucket itself; undefined when it has no such setting. */
  get (call: AwsCall, of: ReturnType<typeof ofSetting>, known: Properties): Promise<Properties | undefined>
  remove (call: AwsCall, of: ReturnType<typeof ofSetting>, state: Properties): Promise<unknown>
  outputs?: string[]
}

function bucketSetting<Args extends { bucket: unknown }> () {
  return <P extends TProperties>({ inputs, put, get, remove, outputs = [] }: Setting<P> & { inputs: Record<Exclude<keyof P, keyof Args>, never> }): ResourceType => {
    const type: ResourceType = {
      inputs: { bucket: must.text({ replaces: true }), ...inputs },
      outputs,
      async create (call, all) {
        const id = settingId(all as { bucket: string, expectedBucketOwner?: string })
        await settled(async () => await put(call, ofSetting(id), all as InputsOf<P>))
        return id
      },
      async read (call, id, known) {
        const found = await get(call, ofSetting(id), known)
        return found && { bucket: ofSetting(id).Bucket, ...found }
      },
      async update (call, id, all) {
        await settled(async () => await put(call, ofSetting(id), all as InputsOf<P>))
      },
      async delete (call, id, state) {
        await setting('NoSuchConfiguration', async () => await remove(call, ofSetting(id), state))
      }
    }
    return type
  }
}

const owner = may.text({ replaces: true })

export const bucketVersioning = bucketSetting<BucketVersioningArgs>()({
  inputs: {
    expectedBucketOwner: owner,
    mfa: may.text(),
    versioningConfiguration: must.object({
      mfaDelete: may.text({ computed: true, enum: ['Enabled', 'Disabled'] }),
      status: must.text({ enum: ['Enabled', 'Suspended', 'Disabled'] })
    })
  },
  async put (call, of, { mfa, versioningConfiguration: { status, mfaDelete } }) {
    // A bucket that never had versions can't be told so.
    if (status === 'Disabled') return
    await s3(call).send(new PutBucketVersioningCommand({
      ...of, MFA: mfa, VersioningConfiguration: { Status: status as BucketVersioningStatus, MFADelete: mfaDelete as MFADelete | undefined }
    }))
  },
  async get (call, of, known) {
    const found = await setting('', async () => await s3(call).send(new GetBucketVersioningCommand(of)))
    const wanted = (known.versioningConfiguration as { status?: string } | undefined)?.status
    if (!found || (!found.Status && wanted !== 'Disabled')) return undefined
    return { versioningConfiguration: { status: found.Status ?? 'Disabled', mfaDelete: found.MFADelete ?? '' } }
  },
  async remove (call, of, state) {
    if ((state.versioningConfiguration as { status?: string }).status !== 'Enabled') return
    // Object Lock forbids to suspend versions; the bucket that is deleted next takes them along.
    await setting('InvalidBucketState', async () =>
      await s3(call).send(new PutBucketVersioningCommand({ ...of, VersioningConfiguration: { Status: 'Suspended' } })))
  }
})

export const bucketObjectLockConfiguration = bucketSetting<BucketObjectLockConfigurationArgs>()({
  inputs: {
    expectedBucketOwner: owner,
    objectLockEnabled: may.text({ default: 'Enabled', replaces: true, enum: ['Enabled'] }),
    rule: may.object({
      defaultRetention: must.object({
        days: may.number({ minimum: 1 }),
        mode: may.text({ enum: ['GOVERNANCE', 'COMPLIANCE'] }),
        years: may.number({ minimum: 1 })
      })
    }),
    token: may.text()
  },
  async put (call, of, { rule, token }) {
    const { days, mode, years } = rule?.defaultRetention ?? {}
    await s3(call).send(new PutObjectLockConfigurationCommand({
      ...of,
      Token: token,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        ...(rule && { Rule: { DefaultRetention: { Days: days, Years: years, Mode: mode as ObjectLockRetentionMode } } })
      }
    }))
  },
  async get (call, of) {
    const found = await setting('ObjectLockConfigurationNotFoundError', async () =>
      await s3(call).send(new GetObjectLockConfigurationCommand(of)))
    if (!found?.ObjectLockConfiguration) return undefined
    const { DefaultRetention } = found.ObjectLockConfiguration.Rule ?? {}
    return {
      objectLockEnabled: found.ObjectLockConfiguration.ObjectLockEnabled,
      rule: DefaultRetention && {
        defaultRetention: { days: DefaultRetention.Days || undefined, years: DefaultRetention.Years || undefined, mode: DefaultRetention.Mode }
      }
    }
  },
  // Object Lock itself can't be taken back, only its default retention.
  remove: async (call, of) => await setting('InvalidBucketState', async () =>
    await s3(call).send(new PutObjectLockConfigurationCommand({ ...of, ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } })))
})

export const bucketServerSideEncryptionConfiguration = bucketSetting<BucketServerSideEncryptionConfigurationArgs>()({
  inputs: {
    expectedBucketOwner: owner,
    rules: must.set(must.object({
      applyServerSideEncryptionByDefault: may.object({
        kmsMasterKeyId: may.text(),
        sseAlgorithm: must.text({ enum: ['AES256', 'aws:kms', 'aws:kms:dsse'] })
      }),
      bucketKeyEnabled: may.flag()
    }))
  },
  put: async (call, of, { rules }) => await s3(call).send(new PutBucketEncryptionCommand({
    ...of,
    ServerSideEncryptionConfiguration: {
      Rules: rules.map(({ applyServerSideEncryptionByDefault: byDefault, bucketKeyEnabled }) => ({
        BucketKeyEnabled: bucketKeyEnabled,
        ...(byDefault && {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: byDefault.sseAlgorithm as ServerSideEncryption, KMSMasterKeyID: byDefault.kmsMasterKeyId }
        })
      }))
    }
  })),
  async get (call, of) {
    const found = await setting('ServerSideEncryptionConfigurationNotFoundError', async () =>
      await s3(call).send(new GetBucketEncryptionCommand(of)))
    const rules = found?.ServerSideEncryptionConfiguration?.Rules
    return rules && {
      rules: rules.map(({ ApplyServerSideEncryptionByDefault: byDefault, BucketKeyEnabled }) => ({
        applyServerSideEncryptionByDefault: byDefault && {
          sseAlgorithm: byDefault.SSEAlgorithm, ...(byDefault.KMSMasterKeyID && { kmsMasterKeyId: byDefault.KMSMasterKeyID })
        },
        bucketKeyEnabled: BucketKeyEnabled ?? false
      }))
    }
  },
  remove: async (call, of) => await s3(call).send(new DeleteBucketEncryptionCommand(of))
})

export const bucketPublicAccessBlock = bucketSetting<BucketPublicAccessBlockArgs>()({
  inputs: {
    blockPublicAcls: may.flag({ default: false }),
    blockPublicPolicy: may.flag({ default: false }),
    ignorePublicAcls: may.flag({ default: false }),
    restrictPublicBuckets: may.flag({ default: false }),
    skipDestroy: may.flag()
  },
  put: async (call, of, inputs) => await s3(call).send(new PutPublicAccessBlockCommand({
    ...of,
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: inputs.blockPublicAcls,
      BlockPublicPolicy: inputs.blockPublicPolicy,
      IgnorePublicAcls: inputs.ignorePublicAcls,
      RestrictPublicBuckets: inputs.restrictPublicBuckets
    }
  })),
  async get (call, of) {
    const found = await setting('NoSuchPublicAccessBlockConfiguration', async () => await s3(call).send(new GetPublicAccessBlockCommand(of)))
    const block = found?.PublicAccessBlockConfiguration
    return block && {
      blockPublicAcls: block.BlockPublicAcls ?? false,
      blockPublicPolicy: block.BlockPublicPolicy ?? false,
      ignorePublicAcls: block.IgnorePublicAcls ?? false,
      restrictPublicBuckets: block.RestrictPublicBuckets ?? false
    }
  },
  remove: async (call, of, { skipDestroy }) => skipDestroy ? undefined : await s3(call).send(new DeletePublicAccessBlockCommand(of))
})

export const bucketPolicy = bucketSetting<BucketPolicyArgs>()({
  inputs: { policy: must.json() },
  put: async (call, of, { policy }) => await s3(call).send(new PutBucketPolicyCommand({ ...of, Policy: policy })),
  async get (call, of) {
    const found = await setting('NoSuchBucketPolicy', async () => await s3(call).send(new GetBucketPolicyCommand(of)))
    return found?.Policy ? { policy: found.Policy } : undefined
  },
  remove: async (call, of) => await s3(call).send(new DeleteBucketPolicyCommand(of))
})

export const bucketOwnershipControls = bucketSetting<BucketOwnershipControlsArgs>()({
  inputs: { rule: must.object({ objectOwnership: must.text({ enum: ['BucketOwnerPreferred', 'ObjectWriter', 'BucketOwnerEnforced'] }) }) },
  put: async (call, of, { rule }) => await s3(call).send(new PutBucketOwnershipControlsCommand({
    ...of, OwnershipControls: { Rules: [{ ObjectOwnership: rule.objectOwnership as ObjectOwnership }] }
  })),
  async get (call, of) {
    const found = await setting('OwnershipControlsNotFoundError', async () => await s3(call).send(new GetBucketOwnershipControlsCommand(of)))
    const objectOwnership = found?.OwnershipControls?.Rules?.[0]?.ObjectOwnership
    return objectOwnership && { rule: { objectOwnership } }
  },
  remove: async (call, of) => await setting('OwnershipControlsNotFoundError', async () =>
    await s3(call).send(new DeleteBucketOwnershipControlsCommand(of)))
})

export const bucketLifecycleConfiguration = bucketSetting<BucketLifecycleConfigurationArgs>()({
  inputs: { expectedBucketOwner: owner, rules: lifecycleRulesSchema, transitionDefaultMinimumObjectSize: may.text({ computed: true }) },
  put: async (call, of, { rules, transitionDefaultMinimumObjectSize }) => await s3(call).send(new PutBucketLifecycleConfigurationCommand({
    ...of,
    LifecycleConfiguration: { Rules: rules.map(lifecycleRequest) },
    TransitionDefaultMinimumObjectSize: transitionDefaultMinimumObjectSize as 'varies_by_storage_class' | undefined
  })),
  async get (call, of) {
    const found = await setting('NoSuchLifecycleConfiguration', async () => await s3(call).send(new GetBucketLifecycleConfigurationCommand(of)))
    return found?.Rules && {
      rules: lifecycleRules(found.Rules),
      transitionDefaultMinimumObjectSize: found.TransitionDefaultMinimumObjectSize ?? 'all_storage_classes_128K'
    }
  },
  remove: async (call, of) => await s3(call).send(new DeleteBucketLifecycleCommand(of))
})

export const bucketLogging = bucketSetting<BucketLoggingArgs>()({
  inputs: { expectedBucketOwner: owner, targetBucket: must.text(), targetPrefix: must.text() },
  put: async (call, of, { targetBucket, targetPrefix }) => await s3(call).send(new PutBucketLoggingCommand({
    ...of, BucketLoggingStatus: { LoggingEnabled: { TargetBucket: targetBucket, TargetPrefix: targetPrefix } }
  })),
  async get (call, of) {
    const found = await setting('', async () => await s3(call).send(new GetBucketLoggingCommand(of)))
    const enabled = found?.LoggingEnabled
    return enabled && { targetBucket: enabled.TargetBucket, targetPrefix: enabled.TargetPrefix }
  },
  remove: async (call, of) => await s3(call).send(new PutBucketLoggingCommand({ ...of, BucketLoggingStatus: {} }))
})

const target = { events: must.set(Type.String()), filterPrefix: may.text(), filterSuffix: may.text(), id: may.text({ computed: true }) }
const queueTarget = must.object({ ...target, queueArn: must.text() })
const topicTarget = must.object({ ...target, topicArn: must.text() })
type Target = Static<typeof queueTarget> | Static<typeof topicTarget>

function filters ({ filterPrefix, filterSuffix }: Target) {
  const FilterRules = [
    ...(filterPrefix ? [{ Name: 'prefix' as const, Value: filterPrefix }] : []),
    ...(filterSuffix ? [{ Name: 'suffix' as const, Value: filterSuffix }] : [])
  ]
  return FilterRules.length > 0 ? { Filter: { Key: { FilterRules } } } : {}
}

function targetState (target: { Id?: string, Events?: Event[], Filter?: { Key?: { FilterRules?: { Name?: string, Value?: string }[] } } }) {
  const rule = (name: string) => target.Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === name)?.Value
  const [filterPrefix, filterSuffix] = [rule('prefix'), rule('suffix')]
  return { id: target.Id, events: target.Events, ...(filterPrefix && { filterPrefix }), ...(filterSuffix && { filterSuffix }) }
}

export const bucketNotification = bucketSetting<BucketNotificationArgs>()({
  inputs: { eventbridge: may.flag({ default: false }), queues: may.list(queueTarget), topics: may.list(topicTarget) },
  put: async (call, of, { eventbridge, queues = [], topics = [] }) => await s3(call).send(new PutBucketNotificationConfigurationCommand({
    ...of,
    NotificationConfiguration: {
      ...(eventbridge && { EventBridgeConfiguration: {} }),
      QueueConfigurations: queues.map(queue => ({ Id: queue.id, QueueArn: queue.queueArn, Events: queue.events as Event[], ...filters(queue) })),
      TopicConfigurations: topics.map(topic => ({ Id: topic.id, TopicArn: topic.topicArn, Events: topic.events as Event[], ...filters(topic) }))
    }
  })),
  async get (call, of) {
    const found: NotificationConfiguration | undefined = await setting('', async () =>
      await s3(call).send(new GetBucketNotificationConfigurationCommand(of)))
    if (!found) return undefined
    const { EventBridgeConfiguration, QueueConfigurations = [], TopicConfigurations = [] } = found
    if (!EventBridgeConfiguration && QueueConfigurations.length === 0 && TopicConfigurations.length === 0) return undefined
    return {
      eventbridge: EventBridgeConfiguration !== undefined,
      queues: QueueConfigurations.map(queue => ({ ...targetState(queue), queueArn: queue.QueueArn })),
      topics: TopicConfigurations.map(topic => ({ ...targetState(topic), topicArn: topic.TopicArn }))
    }
  },
  remove: async (call, of) => await s3(call).send(new PutBucketNotificationConfigurationCommand({ ...of, NotificationConfiguration: {} }))
})
