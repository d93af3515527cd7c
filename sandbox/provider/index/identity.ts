/** Who and where: account, Region, partition. */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import type { GetCallerIdentityArgs } from '@pulumi/aws/getCallerIdentity.js'
import type { GetPartitionArgs } from '@pulumi/aws/getPartition.js'
import type { GetRegionArgs } from '@pulumi/aws/getRegion.js'
import { lookUp } from '../engine/function-type.ts'
import { may } from '../engine/schema.ts'

export const getCallerIdentity = lookUp<GetCallerIdentityArgs>()({ id: may.text() }, async call => {
  const { Account, Arn, UserId } = await call.client('sts', STSClient).send(new GetCallerIdentityCommand({}))
  return { id: Account, accountId: Account, arn: Arn, userId: UserId }
})

/** Regions whose long name our documentation uses; elsewhere the description is the name. */
const DESCRIPTIONS: Record<string, string> = {
  'eu-central-1': 'Europe (Frankfurt)', 'eu-west-1': 'Europe (Ireland)', 'us-east-1': 'US East (N. Virginia)', 'us-west-2': 'US West (Oregon)'
}

const DNS_SUFFIXES: Record<string, string> = { aws: 'amazonaws.com', 'aws-cn': 'amazonaws.com.cn', 'aws-us-gov': 'amazonaws.com' }

export const getRegion = lookUp<GetRegionArgs>()(
  { endpoint: may.text(), id: may.text(), name: may.text(), region: may.text() },
  async (call, { endpoint, name, region }) => {
    const found = endpoint ? endpoint.split('.')[1]! : region ?? name ?? call.region
    return {
      id: found,
      name: found,
      region: found,
      description: DESCRIPTIONS[found] ?? found,
      endpoint: `ec2.${found}.${DNS_SUFFIXES[call.partition] ?? 'amazonaws.com'}`
    }
  })

export const getPartition = lookUp<GetPartitionArgs>()({ id: may.text() }, async ({ partition }) => {
  const dnsSuffix = DNS_SUFFIXES[partition] ?? 'amazonaws.com'
  return { id: partition, partition, dnsSuffix, reverseDnsPrefix: dnsSuffix.split('.').reverse().join('.') }
})
