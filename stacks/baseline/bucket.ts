/** What every bucket of ours has: nobody outside, one owner, one key, versions, TLS. */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'

export interface BucketProtection {
  keyArn: pulumi.Input<string>
  policy: pulumi.Input<string>
  lifecycle: aws.types.input.s3.BucketLifecycleConfigurationRule[]
  /** The bucket stays when the stack goes. */
  keep: boolean
}

/** A setting of a bucket is never taken off by itself: it goes with the bucket, or stays with it. */
export function settingOf (bucket: aws.s3.Bucket, parent: pulumi.Resource, keep: boolean): pulumi.CustomResourceOptions {
  return { parent, ...keep ? { retainOnDelete: true } : { deletedWith: bucket } }
}

/** Protects a bucket; answers with the settings, so that others can wait until the bucket is safe to use. */
export function protectBucket (name: string, bucket: aws.s3.Bucket, { keyArn, policy, lifecycle, keep }: BucketProtection, parent: pulumi.Resource): pulumi.Resource[] {
  const options = settingOf(bucket, parent, keep)
  const to = bucket.bucket
  const publicAccess = new aws.s3.BucketPublicAccessBlock(name, {
    bucket: to, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true
  }, options)
  const versioning = new aws.s3.BucketVersioning(name, { bucket: to, versioningConfiguration: { status: 'Enabled' } }, options)
  return [
    publicAccess,
    versioning,
    new aws.s3.BucketOwnershipControls(name, { bucket: to, rule: { objectOwnership: 'BucketOwnerEnforced' } }, options),
    new aws.s3.BucketServerSideEncryptionConfiguration(name, {
      bucket: to,
      rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: keyArn }, bucketKeyEnabled: true }]
    }, options),
    // S3 answers 409 OperationAborted to a policy that races the access block.
    new aws.s3.BucketPolicy(name, { bucket: to, policy }, { ...options, dependsOn: [publicAccess] }),
    new aws.s3.BucketLifecycleConfiguration(name, { bucket: to, rules: lifecycle }, { ...options, dependsOn: [versioning] })
  ]
}

/** An upload that was never finished costs money and is in no listing. */
export const ABANDONED_UPLOADS: aws.types.input.s3.BucketLifecycleConfigurationRule = {
  id: 'abandoned-uploads', status: 'Enabled', filter: {}, abortIncompleteMultipartUpload: { daysAfterInitiation: 7 }
}
