import { S3Client } from '@aws-sdk/client-s3'
import type { AwsCall } from '../engine/aws-call.ts'
import { errorCode, unlessGone, whileRefused } from '../engine/wait.ts'

export function s3 (call: AwsCall): S3Client {
  return call.client('s3', S3Client)
}

/** S3 answers a HEAD without a body, so also by status. */
export const NO_BUCKET = ['NoSuchBucket', 'NotFound', '404']

/** Changes of one bucket's settings collide while another is being made. */
export async function settled<T> (act: () => Promise<T>): Promise<T> {
  return await whileRefused(error => ['OperationAborted', 'NoSuchBucket'].includes(errorCode(error)), act, { seconds: 60 })
}

/** A setting that is not there, or whose bucket is not. */
export async function setting<T> (code: string, act: () => Promise<T>): Promise<T | undefined> {
  return await unlessGone([code, ...NO_BUCKET], act)
}

/** A bucket owner in the input is part of the setting's id. */
export function settingId ({ bucket, expectedBucketOwner }: { bucket: string, expectedBucketOwner?: string }): string {
  return expectedBucketOwner ? `${bucket},${expectedBucketOwner}` : bucket
}

export function ofSetting (id: string): { Bucket: string, ExpectedBucketOwner?: string } {
  const [bucket = '', owner] = id.split(',')
  return { Bucket: bucket, ...(owner && { ExpectedBucketOwner: owner }) }
}
