import { HeadBucketCommand } from '@aws-sdk/client-s3'
import type { GetBucketArgs } from '@pulumi/aws/s3/getBucket.js'
import { lookUp } from '../engine/function-type.ts'
import { may, must } from '../engine/schema.ts'
import { hostedZone } from './bucket.ts'
import { s3 } from './client.ts'

export const getBucket = lookUp<GetBucketArgs>()({ bucket: must.text(), region: may.text() }, async (call, { bucket }) => {
  const { BucketRegion = call.region } = await s3(call).send(new HeadBucketCommand({ Bucket: bucket }))
  return {
    arn: `arn:${call.partition}:s3:::${bucket}`,
    bucket,
    bucketDomainName: `${bucket}.s3.amazonaws.com`,
    bucketRegion: BucketRegion,
    bucketRegionalDomainName: `${bucket}.s3.${BucketRegion}.amazonaws.com`,
    hostedZoneId: hostedZone(BucketRegion),
    id: bucket,
    region: call.region,
    websiteDomain: '',
    websiteEndpoint: ''
  }
})
