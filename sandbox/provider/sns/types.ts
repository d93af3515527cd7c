import type { ResourceType } from '../engine/resource-type.ts'

export const types: Record<string, ResourceType> = {}
