/**
 * Who sends an instance work, who replaces it, what it may do in AWS and who shares what with it: all that
 * containment would touch or hit beyond the instance itself.
 *
 * All parts are read side by side, each in a time of its own, and none is needed: a part that fails is named
 * in `unread`, so that whoever plans knows that an empty list there means nothing. What a part had found
 * before it failed is kept.
 */
import { DescribeAutoScalingGroupsCommand, DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling'
import {
  DescribeInstanceStatusCommand, paginateDescribeFlowLogs, paginateDescribeInstances, paginateDescribeNetworkAcls,
  paginateDescribeNetworkInterfaces, paginateDescribeVpcEndpoints,
  type Filter, type FlowLog, type Instance, type NetworkAcl, type NetworkInterface, type VpcEndpoint
} from '@aws-sdk/client-ec2'
import {
  GetAccessKeyLastUsedCommand, GetInstanceProfileCommand, GetRoleCommand, paginateListAccessKeys, paginateListInstanceProfilesForRole, type Role
} from '@aws-sdk/client-iam'
import { fromAws } from '../aws/aws-errors.ts'
import type { TriageClients } from './describe-instance.ts'
import { classicMemberships, targetMemberships } from './load-balancer-memberships.ts'
import { within, type Limited } from './sections.ts'
import type {
  AccessKeyFacts, FlowLogFacts, InstanceFacts, Read, RoleFacts, Sections, SubnetFacts, Surroundings, TargetFacts
} from './target-facts.ts'
import { principalsOf } from './trust-policy.ts'

type Parts = Omit<Surroundings, 'unread'>
export type Part = keyof Parts

/** Milliseconds for each part; every target group of the Region may have to be asked. */
export type SurveyLimits = Record<Part, number>

export const SURVEY_LIMITS: SurveyLimits = {
  autoScaling: 10_000,
  targets: 20_000,
  classicLoadBalancers: 10_000,
  role: 10_000,
  subnets: 10_000,
  othersInVpc: 10_000,
  ssmEndpoints: 10_000,
  accessKeys: 10_000,
  flowLogs: 10_000,
  scheduledEvents: 10_000
}

export interface SurveyOptions { accessKeyIds: string[], limits?: Partial<SurveyLimits> }

/** What one part reads with, and where it says what it found. */
interface Survey extends TriageClients {
  facts: InstanceFacts
  accessKeyIds: string[]
  limited: Limited
  /** AWS's own answer, for the description. */
  keep: (section: string, answer: unknown) => void
  /** Something of the part that could not be read, while the rest goes on. */
  missing: (error: unknown, doing: string) => void
}

/** Fills in its part of `around` as it finds it. */
type Reader = (survey: Survey, around: Parts) => Promise<void>

/** Never fails as a whole: what can't be read is named in `unread`. */
export async function surveyInstance (
  clients: TriageClients, facts: InstanceFacts, { accessKeyIds, limits = {} }: SurveyOptions
): Promise<Read<Surroundings>> {
  const around: Parts = { targets: [], classicLoadBalancers: [], subnets: [], othersInVpc: [], ssmEndpoints: [], accessKeys: [], flowLogs: [], scheduledEvents: [] }
  const unread: Surroundings['unread'] = []
  const sections: Sections = {}
  await Promise.all((Object.keys(READERS) as Part[]).map(async (what) => {
    let ended = false
    // A part that ran out of time may still be answered: what it finds then was not there when it was told.
    const open = <A extends unknown[]>(note: (...args: A) => void) => (...args: A): void => { if (!ended) note(...args) }
    const missing = (error: unknown, doing: string): void => {
      const { code, message } = fromAws(error, doing)
      unread.push({ what, code, message })
      sections[`${what}NotRead`] = { error: { code, message: [...textOf(sections[`${what}NotRead`]), message].join('; ') } }
    }
    const part: Parts = structuredClone(around)
    try {
      await within(limits[what] ?? SURVEY_LIMITS[what], `reading ${WORDS[what]} of ${facts.instanceId}`, async (limited) => {
        await READERS[what]({
          ...clients, facts, accessKeyIds, limited, missing: open(missing), keep: open((section, answer) => { sections[section] = { data: answer ?? null } })
        }, part)
      })
    } catch (error) {
      missing(error, `reading ${WORDS[what]} of ${facts.instanceId}`)
    }
    ended = true
    Object.assign(around, { [what]: structuredClone(part[what]) })
  }))
  return { facts: { ...around, unread: unread.sort((a, b) => a.what.localeCompare(b.what)) }, sections }
}

function textOf (section: Sections[string] | undefined): string[] {
  return section && 'error' in section ? [section.error.message] : []
}
