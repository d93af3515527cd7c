/** Every resource type and function by its token. */
import type { Catalogue } from './engine/provider.ts'
import type { FunctionType } from './engine/function-type.ts'
import type { ResourceType } from './engine/resource-type.ts'

/** The version of the SDK that asks for this plugin. */
const VERSION = '7.48.0'

type Types = Record<string, ResourceType>

/** By the token's package module; a module loads when a program first uses it. */
const resourceModules: Record<string, () => Promise<Types>> = {
  ec2: async () => (await import('./ec2/types.ts')).types,
  vpc: async () => (await import('./ec2/types.ts')).types,
  ebs: async () => (await import('./ec2/types.ts')).types,
  s3: async () => (await import('./s3/types.ts')).types,
  cloudwatch: async () => (await import('./cloudwatch/types.ts')).types,
  iam: async () => (await import('./iam/types.ts')).types,
  kms: async () => (await import('./kms/types.ts')).types,
  sqs: async () => (await import('./sqs/types.ts')).types,
  sns: async () => (await import('./sns/types.ts')).types,
  ssm: async () => (await import('./ssm/types.ts')).types
}

/** Functions are few enough to be named one by one. */
const functions: Record<string, () => Promise<FunctionType>> = {
  'aws:ec2/getAmi:getAmi': async () => (await import('./ec2/functions.ts')).getAmi,
  'aws:ec2/getManagedPrefixList:getManagedPrefixList': async () => (await import('./ec2/functions.ts')).getManagedPrefixList,
  'aws:ec2/getPrefixList:getPrefixList': async () => (await import('./ec2/functions.ts')).getPrefixList,
  'aws:ec2/getVpcEndpointService:getVpcEndpointService': async () => (await import('./ec2/functions.ts')).getVpcEndpointService,
  'aws:iam/getPolicyDocument:getPolicyDocument': async () => (await import('./iam/policy-document.ts')).getPolicyDocument,
  'aws:iam/getRole:getRole': async () => (await import('./iam/functions.ts')).getRole,
  'aws:index/getAvailabilityZones:getAvailabilityZones': async () => (await import('./ec2/functions.ts')).getAvailabilityZones,
  'aws:index/getCallerIdentity:getCallerIdentity': async () => (await import('./index/identity.ts')).getCallerIdentity,
  'aws:index/getPartition:getPartition': async () => (await import('./index/identity.ts')).getPartition,
  'aws:index/getRegion:getRegion': async () => (await import('./index/identity.ts')).getRegion,
  'aws:kms/getAlias:getAlias': async () => (await import('./kms/functions.ts')).getAlias,
  'aws:kms/getKey:getKey': async () => (await import('./kms/functions.ts')).getKey,
  'aws:s3/getBucket:getBucket': async () => (await import('./s3/functions.ts')).getBucket,
  'aws:ssm/getParameter:getParameter': async () => (await import('./ssm/functions.ts')).getParameter
}

export const catalogue: Catalogue = {
  version: VERSION,
  async resource (token) {
    const types = await resourceModules[moduleOf(token)]?.()
    return types?.[token]
  },
  async function (token) {
    return await functions[token]?.()
  }
}

/** Everything there is, for those who want to go through it. */
export async function tokens () {
  const types = await Promise.all(Object.values(resourceModules).map(async load => await load()))
  return { resources: [...new Set(types.flatMap(Object.keys))].sort(), functions: Object.keys(functions) }
}

/** `aws:ec2/vpc:Vpc` is in `ec2`. */
function moduleOf (token: string): string {
  return token.split(':')[1]?.split('/')[0] ?? ''
}
