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
  iam: async () => (await import('./iam/types.ts')).types,
  kms: async () => (await import('./kms/types.ts')).types,
  sqs: async () => (await import('./sqs/types.ts')).types,
  sns: async () => (await import('./sns/types.ts')).types,
  ssm: async () => (await import('./ssm/types.ts')).types
}

export const catalogue: Catalogue = {
  version: VERSION,
  async resource (token) {
    const types = await resourceModules[moduleOf(token)]?.()
    return types?.[token]
  },
  async function (token): Promise<FunctionType | undefined> {
    const { functions } = await import('./functions/functions.ts')
    return functions[token]
  }
}

/** `aws:ec2/vpc:Vpc` is in `ec2`. */
function moduleOf (token: string): string {
  return token.split(':')[1]?.split('/')[0] ?? ''
}
