/**
 * Which load balancers send traffic to an instance. AWS has no look-up by target, so every group is asked.
 */
import { paginateDescribeLoadBalancers, type ElasticLoadBalancingClient, type LoadBalancerDescription } from '@aws-sdk/client-elastic-load-balancing'
import {
  DescribeTargetHealthCommand, paginateDescribeTargetGroups, type ElasticLoadBalancingV2Client, type TargetGroup, type TargetHealthDescription
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { isGone } from '../aws/aws-errors.ts'
import type { Limited } from './sections.ts'
import type { TargetFacts } from './target-facts.ts'

/** Target groups asked at once; ELB's request rate is shared by the whole account. */
const GROUPS_AT_ONCE = 25

/**
 * Registrations under any of `ids` (the instance's id, or its addresses for groups of type `ip`), told as they
 * are found: an account may have thousands of groups, and what was found before the time is up counts.
 * @param vpcIds those that the instance has interfaces in
 */
export async function targetMemberships (
  elbv2: ElasticLoadBalancingV2Client, ids: string[], vpcIds: string[], found: (membership: TargetFacts, group: TargetGroup) => void, limited?: Limited
): Promise<void> {
  const groups: TargetGroup[] = []
  for await (const page of paginateDescribeTargetGroups({ client: elbv2 }, {}, limited)) groups.push(...page.TargetGroups ?? [])
  // Any other VPC may have the same addresses for other machines.
  const waiting = groups.filter((group) => ['instance', 'ip'].includes(group.TargetType ?? '') && (!group.VpcId || vpcIds.includes(group.VpcId)))
  const askOneAfterAnother = async (): Promise<void> => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      for (const { Target, TargetHealth } of await healthOf(elbv2, group.TargetGroupArn!, limited)) {
        if (!ids.includes(Target!.Id!) || TargetHealth?.State === 'draining') continue
        found({
          targetGroupArn: group.TargetGroupArn!,
          targetId: Target!.Id!,
          ...Target!.Port !== undefined && { port: Target!.Port },
          ...Target!.AvailabilityZone && { availabilityZone: Target!.AvailabilityZone }
        }, group)
      }
    }
  }
  await Promise.all(Array.from({ length: GROUPS_AT_ONCE }, askOneAfterAnother))
}

/** Nothing for a group that was deleted since it was listed: deployments come and go during a response. */
async function healthOf (elbv2: ElasticLoadBalancingV2Client, TargetGroupArn: string, limited?: Limited): Promise<TargetHealthDescription[]> {
  try {
    const answer = await elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn }), limited)
    return answer.TargetHealthDescriptions ?? []
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** The classic load balancers that have the instance, by name. */
export async function classicMemberships (elb: ElasticLoadBalancingClient, instanceId: string, limited?: Limited): Promise<LoadBalancerDescription[]> {
  const found: LoadBalancerDescription[] = []
  for await (const page of paginateDescribeLoadBalancers({ client: elb }, {}, limited)) {
    found.push(...page.LoadBalancerDescriptions?.filter(({ Instances }) => Instances?.some(({ InstanceId }) => InstanceId === instanceId)) ?? [])
  }
  return found.sort((a, b) => a.LoadBalancerName!.localeCompare(b.LoadBalancerName!))
}
