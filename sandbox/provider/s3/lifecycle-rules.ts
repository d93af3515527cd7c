/** Lifecycle rules between the provider's shape and AWS's. */
import type { ExpirationStatus, LifecycleRule, LifecycleRuleFilter, TransitionStorageClass } from '@aws-sdk/client-s3'
import { Type, type Static } from 'typebox'
import { may, must } from '../engine/schema.ts'

const ruleSchema = must.object({
  id: must.text(),
  status: must.text({ enum: ['Enabled', 'Disabled'] }),
  abortIncompleteMultipartUpload: may.object({ daysAfterInitiation: may.number() }),
  expiration: may.object({ date: may.text(), days: may.number(), expiredObjectDeleteMarker: may.flag() }),
  filter: may.object({
    and: may.object({ objectSizeGreaterThan: may.number(), objectSizeLessThan: may.number(), prefix: may.text(), tags: may.map() }),
    objectSizeGreaterThan: may.number(),
    objectSizeLessThan: may.number(),
    prefix: may.text(),
    tag: may.object({ key: must.text(), value: must.text() })
  }, { computed: true }),
  noncurrentVersionExpiration: may.object({ newerNoncurrentVersions: may.number(), noncurrentDays: must.number() }),
  noncurrentVersionTransitions: may.set(must.object({
    newerNoncurrentVersions: may.number(), noncurrentDays: must.number(), storageClass: must.text()
  })),
  prefix: may.text(),
  transitions: may.set(must.object({ date: may.text(), days: may.number(), storageClass: must.text() }))
})
type Rule = Static<typeof ruleSchema>

export const lifecycleRulesSchema = Type.Array(ruleSchema, { set: true })

function date (text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

function filterRequest ({ filter, prefix }: Rule): LifecycleRuleFilter | undefined {
  if (!filter) return prefix === undefined ? { Prefix: '' } : undefined
  if (filter.and) {
    const { tags, ...and } = filter.and
    return {
      And: {
        ObjectSizeGreaterThan: and.objectSizeGreaterThan,
        ObjectSizeLessThan: and.objectSizeLessThan,
        Prefix: and.prefix,
        ...(tags && { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) })
      }
    }
  }
  if (filter.tag) return { Tag: { Key: filter.tag.key, Value: filter.tag.value } }
  if (filter.objectSizeGreaterThan !== undefined) return { ObjectSizeGreaterThan: filter.objectSizeGreaterThan }
  if (filter.objectSizeLessThan !== undefined) return { ObjectSizeLessThan: filter.objectSizeLessThan }
  return { Prefix: filter.prefix ?? '' }
}

export function lifecycleRequest (rule: Rule): LifecycleRule {
  const { abortIncompleteMultipartUpload: abort, expiration, noncurrentVersionExpiration: noncurrent } = rule
  return {
    ID: rule.id,
    Status: rule.status as ExpirationStatus,
    Filter: filterRequest(rule),
    ...(rule.prefix !== undefined && !rule.filter && { Prefix: rule.prefix }),
    ...(abort && { AbortIncompleteMultipartUpload: { DaysAfterInitiation: abort.daysAfterInitiation } }),
    ...(expiration && {
      Expiration: { Date: date(expiration.date), Days: expiration.days, ExpiredObjectDeleteMarker: expiration.expiredObjectDeleteMarker }
    }),
    ...(noncurrent && {
      NoncurrentVersionExpiration: { NoncurrentDays: noncurrent.noncurrentDays, NewerNoncurrentVersions: noncurrent.newerNoncurrentVersions }
    }),
    ...(rule.noncurrentVersionTransitions && {
      NoncurrentVersionTransitions: rule.noncurrentVersionTransitions.map(transition => ({
        NoncurrentDays: transition.noncurrentDays,
        NewerNoncurrentVersions: transition.newerNoncurrentVersions,
        StorageClass: transition.storageClass as TransitionStorageClass
      }))
    }),
    ...(rule.transitions && {
      Transitions: rule.transitions.map(transition => ({
        Date: date(transition.date), Days: transition.days, StorageClass: transition.storageClass as TransitionStorageClass
      }))
    })
  }
}

function filterState (filter: LifecycleRuleFilter) {
  const { And: and, Tag: tag } = filter
  return {
    ...(and && {
      and: {
        ...(and.Prefix && { prefix: and.Prefix }),
        ...(and.ObjectSizeGreaterThan !== undefined && { objectSizeGreaterThan: and.ObjectSizeGreaterThan }),
        ...(and.ObjectSizeLessThan !== undefined && { objectSizeLessThan: and.ObjectSizeLessThan }),
        ...(and.Tags?.length && { tags: Object.fromEntries(and.Tags.map(({ Key = '', Value = '' }) => [Key, Value])) })
      }
    }),
    ...(tag && { tag: { key: tag.Key, value: tag.Value } }),
    ...(filter.Prefix && { prefix: filter.Prefix }),
    ...(filter.ObjectSizeGreaterThan !== undefined && { objectSizeGreaterThan: filter.ObjectSizeGreaterThan }),
    ...(filter.ObjectSizeLessThan !== undefined && { objectSizeLessThan: filter.ObjectSizeLessThan })
  }
}

export function lifecycleRules (rules: LifecycleRule[]) {
  return rules.map(rule => ({
    id: rule.ID,
    status: rule.Status,
    ...(rule.Filter && { filter: filterState(rule.Filter) }),
    ...(rule.AbortIncompleteMultipartUpload && {
      abortIncompleteMultipartUpload: { daysAfterInitiation: rule.AbortIncompleteMultipartUpload.DaysAfterInitiation }
    }),
    ...(rule.Expiration && {
      expiration: {
        ...(rule.Expiration.Date && { date: rule.Expiration.Date.toISOString().replace('.000Z', 'Z') }),
        ...(rule.Expiration.Days && { days: rule.Expiration.Days }),
        ...(rule.Expiration.ExpiredObjectDeleteMarker && { expiredObjectDeleteMarker: true })
      }
    }),
    ...(rule.NoncurrentVersionExpiration && {
      noncurrentVersionExpiration: {
        noncurrentDays: rule.NoncurrentVersionExpiration.NoncurrentDays,
        ...(rule.NoncurrentVersionExpiration.NewerNoncurrentVersions && {
          newerNoncurrentVersions: rule.NoncurrentVersionExpiration.NewerNoncurrentVersions
        })
      }
    }),
    ...(rule.NoncurrentVersionTransitions?.length && {
      noncurrentVersionTransitions: rule.NoncurrentVersionTransitions.map(transition => ({
        noncurrentDays: transition.NoncurrentDays,
        storageClass: transition.StorageClass,
        ...(transition.NewerNoncurrentVersions && { newerNoncurrentVersions: transition.NewerNoncurrentVersions })
      }))
    }),
    ...(rule.Transitions?.length && {
      transitions: rule.Transitions.map(transition => ({
        storageClass: transition.StorageClass,
        ...(transition.Days !== undefined && { days: transition.Days }),
        ...(transition.Date && { date: transition.Date.toISOString().replace('.000Z', 'Z') })
      }))
    })
  }))
}
