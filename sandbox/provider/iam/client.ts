import { IAMClient, type Tag } from '@aws-sdk/client-iam'
import type { AwsCall } from '../engine/aws-call.ts'
import type { Tags } from '../engine/resource-type.ts'

export function iam (call: AwsCall): IAMClient {
  return call.client('iam', IAMClient)
}

export const GONE = ['NoSuchEntity', 'NoSuchEntityException']
/** IAM serialises changes of one entity. */
export const BUSY = ['ConcurrentModification', 'ConcurrentModificationException']

export function pairs (tags: Tags): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

export function tagMap (tags: Tag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]))
}

/** IAM hands policies out URL-encoded. */
export function policyText (encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : encoded.startsWith('%') ? decodeURIComponent(encoded) : encoded
}
