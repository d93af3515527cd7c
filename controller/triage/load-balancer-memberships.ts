/**
 * Which load balancers send traffic to an instance. AWS has no look-up by target, so every group is asked.
 */
import { paginateDescribeLoadBalancers, type ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import {
  DescribeTargetHealthCommand, paginateDescribeTargetGroups, type ElasticLoadBalancingV2Client, type TargetGroup, type TargetHealthDescription
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { isGone } from '../aws/aws-errors.ts'
import type { TargetFacts } from './target-facts.ts'

/** Target groups asked at once; ELB's request rate is shared by the whole account. */
const GROUPS_AT_ONCE = 10

/** Registrations under any of `ids`: the instance's id, or its addresses for groups of type `ip`. */
export async function targetMemberships (elbv2: ElasticLoadBalancingV2Client, ids: string[], vpcId: string): Promise<TargetFacts[]> {
  const groups: TargetGroup[] = []
  for await (const page of paginateDescribeTargetGroups({ client: elbv2 }, {})) groups.push(...page.TargetGroups ?? [])
  const candidates = groups.filter((group) =>
    ['instance', 'ip'].includes(group.TargetType ?? '') && (!group.VpcId || group.VpcId === vpcId))
  const found: TargetFacts[] = []
  for (let from = 0; from < candidates.length; from += GROUPS_AT_ONCE) {
    const asked = candidates.slice(from, from + GROUPS_AT_ONCE)
    const answers = await Promise.all(asked.map(async ({ TargetGroupArn }) => await healthOf(elbv2, TargetGroupArn!)))
    answers.forEach((descriptions, index) => {
      for (const { Target, TargetHealth } of descriptions) {
        if (!ids.includes(Target!.Id!) || TargetHealth?.State === 'draining') continue
        found.push({
          targetGroupArn: asked[index]!.TargetGroupArn!,
          targetId: Target!.Id!,
          ...Target!.Port !== undefined && { port: Target!.Port },
          ...Target!.AvailabilityZone && { availabilityZone: Target!.AvailabilityZone }
        })
      }
    })
  }
  return found
}

/** Nothing for a group that was deleted since it was listed: deployments come and go during a response. */
async function healthOf (elbv2: ElasticLoadBalancingV2Client, TargetGroupArn: string): Promise<TargetHealthDescription[]> {
  try {
    const answer = await elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn }))
    return answer.TargetHealthDescriptions ?? []
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Names of the classic load balancers that have the instance. */
export async function classicMemberships (elb: ElasticLoadBalancingClient, instanceId: string): Promise<string[]> {
  const names: string[] = []
  for await (const page of paginateDescribeLoadBalancers({ client: elb }, {})) {
    for (const balancer of page.LoadBalancerDescriptions ?? []) {
      if (balancer.Instances?.some(({ InstanceId }) => InstanceId === instanceId)) names.push(balancer.LoadBalancerName!)
    }
  }
  return names.sort()
}
