import { AddTagsToResourceCommand, ListTagsForResourceCommand, RemoveTagsFromResourceCommand, SSMClient, type ResourceTypeForTagging } from '@aws-sdk/client-ssm'
import type { AwsCall } from '../engine/aws-call.ts'
import type { Tagging, Tags } from '../engine/resource-type.ts'

export function ssm (call: AwsCall): SSMClient {
  return call.client('ssm', SSMClient)
}

export function pairs (tags: Tags) {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

export function tagging (ResourceType: ResourceTypeForTagging): Tagging {
  return {
    set: async (call, id, _state, tags) => { await ssm(call).send(new AddTagsToResourceCommand({ ResourceType, ResourceId: id, Tags: pairs(tags) })) },
    unset: async (call, id, _state, keys) => { await ssm(call).send(new RemoveTagsFromResourceCommand({ ResourceType, ResourceId: id, TagKeys: keys })) }
  }
}

export async function tagsOf (call: AwsCall, ResourceType: ResourceTypeForTagging, ResourceId: string): Promise<Tags> {
  const { TagList = [] } = await ssm(call).send(new ListTagsForResourceCommand({ ResourceType, ResourceId }))
  return Object.fromEntries(TagList.map(({ Key = '', Value = '' }) => [Key, Value]))
}
