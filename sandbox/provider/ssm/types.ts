/** The Systems Manager resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { document } from './document.ts'
import { parameter } from './parameter.ts'

export const types: Record<string, ResourceType> = {
  'aws:ssm/document:Document': document,
  'aws:ssm/parameter:Parameter': parameter
}
