/**
 * Proves containment from outside: everything is read back from AWS, nothing from our own record.
 */
import { DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling'
import { DescribeInstanceAttributeCommand, DescribeInstancesCommand, DescribeNetworkInterfacesCommand, type EC2Client } from '@aws-sdk/client-ec2'
import { attempt, isGone } from '../aws/aws-errors.ts'
import type { Check, Proof } from '../incident/incident.ts'
import { classicMemberships, targetMemberships } from '../triage/load-balancer-memberships.ts'
import type { ContainmentClients } from './actions/action.ts'
import { rulesOf } from './actions/isolation.ts'

export interface ProofSubject { instanceId: string, vpcId: string, isolationGroupId?: string }
export interface ContainmentProof extends Proof {
  /** Interfaces that are attached and not isolated, for example one that was attached meanwhile. */
  exposedInterfaces: string[]
}

/** Asks AWS for every interface, group rule, membership and protection of the instance. */
export async function proveContainment (clients: ContainmentClients, subject: ProofSubject, now: Date): Promise<ContainmentProof> {
  const { ec2, autoScaling, elb, elbv2 } = clients
  const { instanceId, vpcId, isolationGroupId } = subject
  return await attempt(`proving the containment of ${instanceId}`, async () => {
    if (await hasVanished(ec2, instanceId)) {
      return { ok: false, at: now.toISOString(), checks: [check('instance-exists', 'it exists', 'EC2 no longer knows it')], exposedInterfaces: [] }
    }
    const [interfaces, rules, membership, instance, termination, shutdown] = await Promise.all([
      ec2.send(new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] })),
      isolationGroupId ? rulesOf(ec2, isolationGroupId) : undefined,
      autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
      ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })),
      ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: 'disableApiTermination' })),
      ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: 'instanceInitiatedShutdownBehavior' }))
    ])
    const attached = interfaces.NetworkInterfaces ?? []
    const addresses = attached.flatMap((each) => each.PrivateIpAddresses?.map(({ PrivateIpAddress }) => PrivateIpAddress!) ?? [])
    const [targets, classic] = await Promise.all([
      targetMemberships(elbv2, [instanceId, ...addresses], vpcId), classicMemberships(elb, instanceId)
    ])
    const groups = attached.map((each) => ({ id: each.NetworkInterfaceId!, groups: each.Groups?.map(({ GroupId }) => GroupId!) ?? [] }))
    const exposed = groups.filter(({ groups: [first, ...others] }) => first === undefined || first !== isolationGroupId || others.length > 0)
    const checks: Check[] = [
      check('isolation-group-empty', 'no rules', rules === undefined ? 'no isolation group' : rules.length === 0 ? 'no rules' : `${rules.length} rules`),
      check('interfaces-found', 'at least one interface', attached.length > 0 ? 'at least one interface' : 'none'),
      ...groups.map((each) => check(`interface-isolated ${each.id}`, String(isolationGroupId ?? 'the isolation group'), each.groups.join(', '))),
      check('termination-protected', 'true', String(termination.DisableApiTermination?.Value)),
      check('stops-on-shutdown', 'stop', String(shutdown.InstanceInitiatedShutdownBehavior?.Value)),
      check('volumes-kept', 'none is deleted on termination', devicesDeleted(instance.Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings ?? [])),
      check('not-in-auto-scaling', 'no group', groupOf(membership.AutoScalingInstances?.[0])),
      check('not-a-target', 'no target group', targets.map(({ targetGroupArn }) => targetGroupArn).join(', ') || 'no target group'),
      check('not-in-classic-load-balancers', 'no load balancer', classic.join(', ') || 'no load balancer')
    ]
    return { ok: checks.every(({ ok }) => ok), at: now.toISOString(), checks, exposedInterfaces: exposed.map(({ id }) => id) }
  })
}

/** A terminated instance is soon unknown; nothing of it can be reached then, and nothing proved. */
async function hasVanished (ec2: EC2Client, instanceId: string): Promise<boolean> {
  try {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
    return answer.Reservations?.[0]?.Instances?.[0]?.State?.Name === 'terminated'
  } catch (error) {
    if (isGone(error)) return true
    throw error
  }
}

/** A member that is leaving is no longer replaced or counted; draining connections may take minutes. */
function groupOf (member: { AutoScalingGroupName?: string, LifecycleState?: string } | undefined): string {
  return member === undefined || /^Detach/.test(member.LifecycleState ?? '') ? 'no group' : member.AutoScalingGroupName!
}

function check (name: string, expected: string, observed: string): Check {
  return { name, ok: expected === observed, expected, observed }
}

function devicesDeleted (mappings: Array<{ DeviceName?: string, Ebs?: { DeleteOnTermination?: boolean } }>): string {
  const deleted = mappings.filter(({ Ebs }) => Ebs?.DeleteOnTermination).map(({ DeviceName }) => DeviceName)
  return deleted.join(', ') || 'none is deleted on termination'
}
