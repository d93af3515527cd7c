/**
 * The evidence vault: a bucket whose objects can't be changed or removed before their time.
 * Object Lock can only be had when the bucket is made; multipart uploads get the default retention,
 * too, but the controller sets each artefact's retention itself and does not rely on it.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { ABANDONED_UPLOADS, protectBucket, settingOf } from './bucket.ts'
import type { BaselineConfig } from './config.ts'
import type { Keys } from './keys.ts'
import { vaultPolicy } from './policies/vault.ts'
import type { PolicyContext } from './policies/document.ts'
import { tags } from './tags.ts'

interface VaultArgs {
  bucketName: string
  keys: Keys
  retention: BaselineConfig['retention']
  keep: boolean
  /** The vault exists already, from before a destroy. */
  exists: boolean
  ctx: pulumi.Output<PolicyContext>
}

export class EvidenceVault extends pulumi.ComponentResource {
  readonly bucket: aws.s3.Bucket

  constructor (name: string, args: VaultArgs, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:baseline:EvidenceVault', name, {}, { ...opts, retainOnDelete: args.keep })
    const { evidence, signing } = args.keys.keys
    this.bucket = new aws.s3.Bucket(name, { bucket: args.bucketName, objectLockEnabled: true, tags: tags('evidence-vault') }, {
      parent: this,
      retainOnDelete: args.keep,
      ...args.exists && { import: args.bucketName },
      // So the keys go after the vault: if it is not empty and AWS keeps it, they stay as well.
      dependsOn: [evidence, signing, args.keys.aliases.evidence, args.keys.aliases.signing]
    })
    const protection = protectBucket(name, this.bucket, {
      keyArn: evidence.arn,
      policy: args.ctx.apply(ctx => JSON.stringify(vaultPolicy(ctx))),
      lifecycle: [ABANDONED_UPLOADS],
      keep: args.keep
    }, this)
    // eslint-disable-next-line no-new
    new aws.s3.BucketObjectLockConfiguration(name, {
      bucket: this.bucket.bucket,
      rule: { defaultRetention: { mode: args.retention.mode, days: args.retention.days } }
    }, { ...settingOf(this.bucket, this, args.keep), dependsOn: protection })
    this.registerOutputs({})
  }
}
