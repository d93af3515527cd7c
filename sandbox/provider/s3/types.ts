/** The S3 resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { bucket } from './bucket.ts'
import {
  bucketLifecycleConfiguration, bucketLogging, bucketNotification, bucketObjectLockConfiguration, bucketOwnershipControls, bucketPolicy,
  bucketPublicAccessBlock, bucketServerSideEncryptionConfiguration, bucketVersioning
} from './bucket-settings.ts'

export const types: Record<string, ResourceType> = {
  'aws:s3/bucket:Bucket': bucket,
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': bucketLifecycleConfiguration,
  'aws:s3/bucketLogging:BucketLogging': bucketLogging,
  'aws:s3/bucketNotification:BucketNotification': bucketNotification,
  'aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration': bucketObjectLockConfiguration,
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': bucketOwnershipControls,
  'aws:s3/bucketPolicy:BucketPolicy': bucketPolicy,
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': bucketPublicAccessBlock,
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': bucketServerSideEncryptionConfiguration,
  'aws:s3/bucketVersioning:BucketVersioning': bucketVersioning
}
