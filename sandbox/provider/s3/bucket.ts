import {
  CreateBucketCommand, DeleteBucketCommand, DeleteBucketTaggingCommand, DeleteObjectsCommand, GetBucketTaggingCommand, GetObjectLockConfigurationCommand,
  HeadBucketCommand, ListObjectVersionsCommand, PutBucketTaggingCommand, type BucketLocationConstraint
} from '@aws-sdk/client-s3'
import type { BucketArgs } from '@pulumi/aws/s3/bucket.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource, type Tags } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { NO_BUCKET, s3, setting, settled } from './client.ts'

async function tagsOf (call: AwsCall, Bucket: string): Promise<Tags> {
  const found = await setting('NoSuchTagSet', async () => await s3(call).send(new GetBucketTaggingCommand({ Bucket })))
  return Object.fromEntries((found?.TagSet ?? []).map(({ Key = '', Value = '' }) => [Key, Value]))
}

/** A bucket's tags are written as a whole. */
async function writeTags (call: AwsCall, Bucket: string, tags: Tags) {
  const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
  await settled(async () => TagSet.length > 0
    ? await s3(call).send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }))
    : await s3(call).send(new DeleteBucketTaggingCommand({ Bucket })))
}

/** Hosted zones of S3 website endpoints, as AWS documents them. */
const HOSTED_ZONES: Record<string, string> = {
  'eu-central-1': 'Z21DNDUVLTQW6Q',
  'eu-north-1': 'Z3BAZG2TWCNX0D',
  'eu-west-1': 'Z1BKCTXD74EZPE',
  'eu-west-2': 'Z3GKZC51ZF0DB4',
  'eu-west-3': 'Z3R1K369G5AVDG',
  'us-east-1': 'Z3AQBSTGFYJSTF',
  'us-east-2': 'Z2O1EMRO9K5GLX',
  'us-west-1': 'Z2F56UZL2M1ACD',
  'us-west-2': 'Z3BJ6K6RIION7M'
}

export function hostedZone (region: string): string {
  return HOSTED_ZONES[region] ?? ''
}

/** Removes every version; what Object Lock keeps is AWS's to refuse, with its own reason. */
async function empty (call: AwsCall, Bucket: string, bypass: boolean) {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3(call).send(new ListObjectVersionsCommand({ Bucket }))
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }))
    if (Objects.length === 0) return
    const { Errors = [] } = await s3(call).send(new DeleteObjectsCommand({
      Bucket, Delete: { Objects, Quiet: true }, ...(bypass && { BypassGovernanceRetention: true })
    }))
    const [refused] = Errors
    if (refused) {
      throw Object.assign(new Error(`deleting s3://${Bucket}/${refused.Key} (version ${refused.VersionId}): ${refused.Code}: ${refused.Message}`), { name: refused.Code })
    }
  }
}

export const bucket = resource<BucketArgs>()({
  inputs: {
    bucket: may.text({ replaces: true }),
    bucketPrefix: may.text({ replaces: true }),
    forceDestroy: may.flag({ default: false }),
    objectLockEnabled: may.flag({ computed: true, replaces: true })
  },
  outputs: ['arn', 'bucket', 'bucketDomainName', 'bucketRegion', 'bucketRegionalDomainName', 'hostedZoneId'],
  autoname: { property: 'bucket', maxLength: 63, lowercase: true },
  tagging: {
    async set (call, id, _state, tags) {
      await writeTags(call, id, { ...await tagsOf(call, id), ...tags })
    },
    async unset (call, id, _state, keys) {
      await writeTags(call, id, Object.fromEntries(Object.entries(await tagsOf(call, id)).filter(([key]) => !keys.includes(key))))
    }
  },
  async create (call, inputs) {
    const Bucket = inputs.bucket ?? `${inputs.bucketPrefix}${Date.now()}`
    await s3(call).send(new CreateBucketCommand({
      Bucket,
      ...(call.region !== 'us-east-1' && { CreateBucketConfiguration: { LocationConstraint: call.region as BucketLocationConstraint } }),
      ObjectLockEnabledForBucket: inputs.objectLockEnabled ?? false
    }))
    call.created(Bucket)
    await until('the bucket to show', async () => await setting('', async () => await s3(call).send(new HeadBucketCommand({ Bucket }))), { seconds: 120 })
    if (Object.keys(call.tags).length > 0) await writeTags(call, Bucket, call.tags)
    return Bucket
  },
  async read (call, id) {
    const head = await setting('', async () => await s3(call).send(new HeadBucketCommand({ Bucket: id })))
    if (!head) return undefined
    const lock = await setting('ObjectLockConfigurationNotFoundError', async () =>
      await s3(call).send(new GetObjectLockConfigurationCommand({ Bucket: id })))
    const region = head.BucketRegion ?? call.region
    return {
      arn: `arn:${call.partition}:s3:::${id}`,
      bucket: id,
      bucketDomainName: `${id}.s3.amazonaws.com`,
      bucketRegion: region,
      bucketRegionalDomainName: `${id}.s3.${region}.amazonaws.com`,
      hostedZoneId: hostedZone(region),
      objectLockEnabled: lock?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled',
      tags: await tagsOf(call, id)
    }
  },
  async update () {
    // How it will be deleted is the provider's own business; there is nothing to tell AWS.
  },
  async delete (call, id, { forceDestroy, objectLockEnabled }) {
    if (forceDestroy) await unlessGone(NO_BUCKET, async () => { await empty(call, id, objectLockEnabled === true) })
    await unlessGone(NO_BUCKET, async () => await whileRefused(['OperationAborted'], async () =>
      await s3(call).send(new DeleteBucketCommand({ Bucket: id })), { seconds: 60 }))
  }
})
