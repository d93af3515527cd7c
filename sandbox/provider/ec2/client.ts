/** EC2 for the resource types: the client, tags in the creating call, ARNs. */
import { CreateTagsCommand, DeleteTagsCommand, EC2Client, type ResourceType as TaggedType, type TagSpecification, type Tag } from '@aws-sdk/client-ec2'
import type { AwsCall } from '../engine/aws-call.ts'
import type { Tagging, Tags } from '../engine/resource-type.ts'

export function ec2 (call: AwsCall): EC2Client {
  return call.client('ec2', EC2Client)
}

/** Tags that come into being with the resource, so that one whose id was lost can still be found. */
export function tagged (type: TaggedType, tags: Tags): { TagSpecifications?: TagSpecification[] } {
  return Object.keys(tags).length > 0 ? { TagSpecifications: [{ ResourceType: type, Tags: pairs(tags) }] } : {}
}

export function pairs (tags: Tags): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

export function tagMap (tags: Tag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]))
}

export const tagging: Tagging = {
  async set (call, id, _state, tags) {
    await ec2(call).send(new CreateTagsCommand({ Resources: [id], Tags: pairs(tags) }))
  },
  async unset (call, id, _state, keys) {
    await ec2(call).send(new DeleteTagsCommand({ Resources: [id], Tags: keys.map(Key => ({ Key })) }))
  }
}

export function arn (call: AwsCall, resource: string, ownerId = call.accountId): string {
  return `arn:${call.partition}:ec2:${call.region}:${ownerId}:${resource}`
}

/** Seconds to wait: the program's custom timeout, else the provider's documented default. */
export function patience (call: AwsCall, seconds: number): { seconds: number } {
  return { seconds: call.timeoutSeconds ?? seconds }
}

export function filter (Name: string, ...Values: string[]) {
  return { Name, Values }
}
