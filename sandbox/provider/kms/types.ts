/** The KMS resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { alias } from './alias.ts'
import { key, keyPolicy } from './key.ts'

export const types: Record<string, ResourceType> = {
  'aws:kms/alias:Alias': alias,
  'aws:kms/key:Key': key,
  'aws:kms/keyPolicy:KeyPolicy': keyPolicy
}
