/** Where clean rooms' Pulumi state lives. Destroyed with the baseline: close every incident before that. */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { ABANDONED_UPLOADS, protectBucket } from './bucket.ts'
import { stateBucketPolicy } from './policies/vault.ts'
import type { PolicyContext } from './policies/document.ts'
import { tags } from './tags.ts'

export class StateBackend extends pulumi.ComponentResource {
  readonly bucket: aws.s3.Bucket

  constructor (name: string, args: { bucketName: string, key: aws.kms.Key, ctx: pulumi.Output<PolicyContext> }, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:baseline:StateBackend', name, {}, opts)
    // Pulumi keeps history and backups of stacks long gone: the bucket is never empty by itself.
    this.bucket = new aws.s3.Bucket(name, { bucket: args.bucketName, forceDestroy: true, tags: tags('room-state') }, { parent: this })
    protectBucket(name, this.bucket, {
      keyArn: args.key.arn,
      policy: args.ctx.apply(ctx => JSON.stringify(stateBucketPolicy(ctx))),
      lifecycle: [
        ABANDONED_UPLOADS,
        { id: 'old-versions', status: 'Enabled', filter: {}, noncurrentVersionExpiration: { noncurrentDays: 90 } }
      ],
      keep: false
    }, this)
    this.registerOutputs({})
  }
}
