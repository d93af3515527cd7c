/**
 * Which actions cut an instance off, keep it from vanishing and take its powers away, in which order.
 * Pure: facts in, plan out.
 *
 * The plan's order is the order in which a person reads it and, backwards, the order of release. Actions
 * themselves begin side by side and wait only for what they need (containment-lane.ts): what would destroy
 * evidence is disarmed while the isolation group is made ready, and no failed action holds another up.
 *
 * Sources: AWS Security Incident Response Guide, "Containment"; NIST SP 800-61r3, RS.MI.
 */
import type { ContainmentPolicy } from '../incident/incident.ts'
import { vpcIdsOf, type InstanceFacts, type InterfaceFacts, type SubnetFacts, type Surroundings } from '../triage/target-facts.ts'

export const STAGES = ['mark', 'disarm', 'divert', 'isolate', 'revoke'] as const
export type Stage = typeof STAGES[number]

/** Every kind of action: its stage and the permissions it needs on the resource (Service Authorization Reference). */
export const KINDS = {
  'tag-quarantined': { stage: 'mark', needs: ['ec2:CreateTags'] },
  'protect-from-termination': { stage: 'disarm', needs: ['ec2:ModifyInstanceAttribute'] },
  'protect-from-stop': { stage: 'disarm', needs: ['ec2:ModifyInstanceAttribute'] },
  'stop-on-shutdown': { stage: 'disarm', needs: ['ec2:ModifyInstanceAttribute'] },
  'keep-volumes': { stage: 'disarm', needs: ['ec2:ModifyInstanceAttribute'] },
  'prepare-isolation-group': { stage: 'isolate', needs: ['ec2:CreateSecurityGroup', 'ec2:RevokeSecurityGroupEgress'] },
  'prepare-untracking-group': { stage: 'isolate', needs: ['ec2:CreateSecurityGroup', 'ec2:AuthorizeSecurityGroupIngress', 'ec2:AuthorizeSecurityGroupEgress'] },
  'isolate-interface': { stage: 'isolate', needs: ['ec2:ModifyNetworkInterfaceAttribute'] },
  'remove-untracking-group': { stage: 'isolate', needs: ['ec2:RevokeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress', 'ec2:DeleteSecurityGroup'] },
  'allow-ssm-endpoints': { stage: 'isolate', needs: ['ec2:AuthorizeSecurityGroupEgress', 'ec2:RevokeSecurityGroupEgress'] },
  'isolate-subnet': { stage: 'isolate', needs: ['ec2:CreateNetworkAcl', 'ec2:ReplaceNetworkAclAssociation'] },
  'block-dns': {
    stage: 'isolate',
    needs: [
      'route53resolver:CreateFirewallDomainList', 'route53resolver:UpdateFirewallDomains', 'route53resolver:CreateFirewallRuleGroup',
      'route53resolver:CreateFirewallRule', 'route53resolver:AssociateFirewallRuleGroup'
    ]
  },
  'leave-auto-scaling': { stage: 'divert', needs: ['autoscaling:DetachInstances', 'autoscaling:EnterStandby', 'autoscaling:SuspendProcesses'] },
  'leave-target-group': { stage: 'divert', needs: ['elasticloadbalancing:DeregisterTargets'] },
  'leave-classic-load-balancer': { stage: 'divert', needs: ['elasticloadbalancing:DeregisterInstancesFromLoadBalancer'] },
  'disassociate-address': { stage: 'divert', needs: ['ec2:DisassociateAddress'] },
  'remove-instance-profile': { stage: 'revoke', needs: ['ec2:DisassociateIamInstanceProfile'] },
  'revoke-role-sessions': { stage: 'revoke', needs: ['iam:PutRolePolicy'] },
  'deactivate-access-key': { stage: 'revoke', needs: ['iam:UpdateAccessKey'] },
  'restrict-metadata': { stage: 'revoke', needs: ['ec2:ModifyInstanceMetadataOptions'] },
  'close-ssm-path': { stage: 'revoke', needs: ['ec2:RevokeSecurityGroupEgress'] },
  'stop-instance': { stage: 'revoke', needs: ['ec2:StopInstances', 'ec2:ModifyInstanceAttribute'] }
} as const satisfies Record<string, { stage: Stage, needs: string[] }>
export type ActionKind = keyof typeof KINDS

export interface PlannedAction {
  kind: ActionKind
  stage: Stage
  /** The AWS resource that is changed. */
  resource: string
  /** What will change, for a person. */
  words: string
  parameters: Record<string, unknown>
  /** IAM actions that the containing role must be allowed. */
  needs: string[]
  /** Set for what would end a live capture through Systems Manager: it waits for the capture's end. */
  after?: 'live-capture'
  /** The state that was read already, so that the action need not look again. */
  before?: Record<string, unknown>
}

/** A further rung of the ladder: it hits others, or can't be undone whole, so a second person approves it. */
export const RUNGS = ['network-acl', 'role-sessions', 'dns-firewall', 'stop-instance'] as const
export type Rung = typeof RUNGS[number]

export const DEFAULT_CONTAINMENT_POLICY: ContainmentPolicy = {
  mode: 'full',
  autoScaling: 'replace',
  trackedConnections: 'swap',
  elasticIp: 'disassociate',
  instanceProfile: 'remove',
  sessions: 'instance',
  accessKeyIds: [],
  networkAcl: 'when-alone',
  metadata: 'keep',
  dnsFirewall: 'never'
}

/** The whole plan for one instance: no duplicates, stages in order, the same plan for the same facts. */
export function planContainment (facts: InstanceFacts, around: Surroundings, policy: ContainmentPolicy, rungs: Rung[] = []): PlannedAction[] {
  return inOrder([...planCutOff(facts, policy), ...planSurroundings(facts, around, policy, rungs)])
}

/**
 * What one round of reads is enough for: the tags, the protections, and the isolation of every interface.
 * @param removeUntracking whether a group that lets all traffic pass may be left of an earlier round, so that it goes though this one makes none
 */
export function planCutOff (facts: InstanceFacts, policy: ContainmentPolicy, { removeUntracking = false }: { removeUntracking?: boolean } = {}): PlannedAction[] {
  const { instanceId } = facts
  // A group only serves its own VPC.
  const vpcIds = vpcIdsOf(facts)
  const kept = facts.volumes.filter(({ deleteOnTermination }) => deleteOnTermination).map(({ device }) => device)
  return inOrder([
    action('tag-quarantined', instanceId, 'Tag as quarantined, with the incident and its ticket'),
    action('protect-from-termination', instanceId, 'Refuse termination by API'),
    action('protect-from-stop', instanceId, 'Refuse a stop by API, which would lose memory'),
    action('stop-on-shutdown', instanceId, 'Stop instead of terminate when the operating system shuts down'),
    ...kept.length > 0
      ? [action('keep-volumes', instanceId, `Keep ${kept.join(', ')} when the instance is terminated`, { devices: kept }, {
          before: { deleteOnTermination: Object.fromEntries(kept.map((device) => [device, true])) }
        })]
      : [],
    ...vpcIds.flatMap((id) => preparations(id, policy)),
    ...facts.interfaces.map((each) => isolateInterface(each, policy)),
    ...policy.trackedConnections === 'swap' || removeUntracking
      ? vpcIds.map((id) => action('remove-untracking-group', id, 'Empty and delete the group that let all traffic pass'))
      : []
  ])
}

/** What isolation needs and what needs nothing of the instance but its VPC, so that it can be begun first. */
export function preparations (vpcId: string, policy: ContainmentPolicy): PlannedAction[] {
  return [
    action('prepare-isolation-group', vpcId, 'Make a security group without any rule', {}, NOT_THERE),
    ...policy.trackedConnections === 'swap'
      ? [action('prepare-untracking-group', vpcId, 'Make a security group that lets all traffic pass, for the moment in which open connections stop being tracked', {}, NOT_THERE)]
      : []
  ]
}

/** Groups of our own making: nothing is there before, and looking would cost a call on the way to isolation. */
const NOT_THERE = { before: { groupId: null } }

function isolateInterface ({ interfaceId, securityGroupIds, kind, vpcId }: InterfaceFacts, policy: ContainmentPolicy): PlannedAction {
  const swap = policy.trackedConnections === 'swap'
  return action('isolate-interface', interfaceId,
    `Replace all security groups by the one without rules${swap ? ', by way of the one that ends connection tracking' : ''}`,
    { untrack: swap, vpcId, ...kind !== 'interface' && { kind } },
    { before: { securityGroupIds: [...securityGroupIds].sort() } })
}

/** What takes more reading: who sends it work or replaces it, what it may do in AWS, who shares what with it. */
export function planSurroundings (facts: InstanceFacts, around: Surroundings, policy: ContainmentPolicy, rungs: Rung[] = []): PlannedAction[] {
  const { instanceId, vpcId } = facts
  const ssm = policy.mode === 'ssm' && around.ssmEndpoints.length > 0
  const afterCapture = ssm ? { after: 'live-capture' as const } : {}
  const actions: PlannedAction[] = []
  if (ssm) {
    const addresses = around.ssmEndpoints.flatMap((endpoint) => endpoint.addresses).sort()
    actions.push(
      action('allow-ssm-endpoints', vpcId, `Leave a way to the endpoints of Systems Manager alone: ${addresses.join(', ')}, port 443`, { addresses }),
      action('close-ssm-path', vpcId, 'Close the way to Systems Manager', { addresses }, afterCapture))
  }
  for (const subnet of around.subnets) {
    const others = hitBySubnet(subnet, around)
    if (!rungs.includes('network-acl') && (policy.networkAcl === 'never' || others.length > 0)) continue
    actions.push(action('isolate-subnet', subnet.subnetId,
      `Give the subnet a network ACL that denies everything, which cuts open connections at once; ${hits(others)}`,
      { vpcId: subnet.vpcId ?? vpcId, associationId: subnet.associationId, networkAclId: subnet.networkAclId },
      afterCapture))
  }
  if (rungs.includes('dns-firewall') || (policy.dnsFirewall === 'when-alone' && isAlone(around))) {
    actions.push(action('block-dns', vpcId, `Answer no DNS query in the VPC; ${hits(hitByDns(around))}`, {}, afterCapture))
  }
  if (around.autoScaling) actions.push(leaveAutoScaling(instanceId, around.autoScaling.group, policy))
  for (const { targetGroupArn, targetId, port, availabilityZone } of around.targets) {
    actions.push(action('leave-target-group', targetGroupArn, `Deregister ${targetId}${port === undefined ? '' : `:${port}`} from the target group`,
      { targetId, port, availabilityZone }, { before: REGISTERED }))
  }
  for (const name of around.classicLoadBalancers) {
    actions.push(action('leave-classic-load-balancer', name, 'Deregister from the classic load balancer', {}, { before: REGISTERED }))
  }
  if (policy.elasticIp === 'disassociate') {
    for (const { interfaceId, elasticAddresses } of facts.interfaces) {
      for (const { allocationId, publicIp, privateAddress, associationId } of elasticAddresses) {
        actions.push(action('disassociate-address', allocationId, `Take the Elastic IP ${publicIp} off ${interfaceId}`,
          { interfaceId, privateAddress, publicIp, associationId }, { before: { associated: true, interfaceId, privateAddress } }))
      }
    }
  }
  if (facts.instanceProfileArn && policy.instanceProfile === 'remove') {
    actions.push(action('remove-instance-profile', instanceId, `Take the instance profile ${nameOf(facts.instanceProfileArn)} away`, { instanceProfileArn: facts.instanceProfileArn }, afterCapture))
  }
  if (around.role && !around.role.serviceLinked && policy.sessions !== 'keep') {
    const { roleName, roleId, otherInstances, otherPrincipals } = around.role
    const whole = rungs.includes('role-sessions')
    const others = [...otherInstances, ...otherPrincipals]
    actions.push(action('revoke-role-sessions', roleName,
      whole
        ? `Deny every session of the role that began before now; ${hits(others)}`
        : `Deny the instance's own sessions of the role that began before now; ${others.length > 0 ? `${others.join(', ')} use the role too and go on` : 'nobody else is known to use the role'}`,
      { roleId, scope: whole ? 'role' : 'instance' }, afterCapture))
  }
  for (const accessKeyId of policy.accessKeyIds) {
    const known = around.accessKeys.find((key) => key.accessKeyId === accessKeyId)
    actions.push(action('deactivate-access-key', accessKeyId, `Deactivate the access key${known ? ` of ${known.userName}` : ''}`, { userName: known?.userName }))
  }
  if (policy.metadata === 'disable') actions.push(action('restrict-metadata', instanceId, 'Switch the instance metadata service off', {}, afterCapture))
  if (rungs.includes('stop-instance')) {
    actions.push(action('stop-instance', instanceId, 'Stop the instance; what is in memory and on instance-store disks is lost', {}, afterCapture))
  }
  return inOrder(actions)
}

const AUTO_SCALING: Record<ContainmentPolicy['autoScaling'], { words: string, needs: string[] }> = {
  replace: { words: 'Detach from the Auto Scaling group, which starts a replacement', needs: ['autoscaling:DetachInstances'] },
  shrink: { words: 'Detach from the Auto Scaling group, which shrinks by one', needs: ['autoscaling:DetachInstances'] },
  standby: { words: 'Put on standby in the Auto Scaling group, which starts a replacement', needs: ['autoscaling:EnterStandby'] },
  suspend: { words: 'Protect from scale-in and suspend what would replace it: ReplaceUnhealthy, AZRebalance, InstanceRefresh', needs: ['autoscaling:SetInstanceProtection', 'autoscaling:SuspendProcesses'] }
}

function leaveAutoScaling (instanceId: string, group: string, { autoScaling }: ContainmentPolicy): PlannedAction {
  const { words, needs } = AUTO_SCALING[autoScaling]
  return { ...action('leave-auto-scaling', group, words, { instanceId, how: autoScaling }), needs }
}

/** Leaving Auto Scaling deregisters the instance too: what is undone later is what was found first. */
const REGISTERED = { registered: true }

/** Alone in the VPC; who could not be read may be there. */
function isAlone (around: Surroundings): boolean {
  return hitByDns(around).length === 0 && around.unread.every(({ what }) => what !== 'othersInVpc')
}

/** Whom a denial of the whole subnet hits, in words: who is there, and whom Auto Scaling starts there, which the way out of the group may do at once. */
export function hitBySubnet ({ subnetId, neighbours }: SubnetFacts, around: Surroundings): string[] {
  const started = around.autoScaling?.subnetIds
  // EC2 Auto Scaling API Reference, "CreateAutoScalingGroup": a group that names no subnets uses the default ones.
  const elsewhere = started !== undefined && started.length > 0 && !started.includes(subnetId)
  return [...neighbours, ...elsewhere ? [] : startedByGroup(around)]
}

/** Whom DNS Firewall hits, in words. */
function hitByDns (around: Surroundings): string[] {
  return [...around.othersInVpc, ...startedByGroup(around)]
}

function startedByGroup ({ autoScaling, unread }: Surroundings): string[] {
  if (autoScaling) return [`new instances of Auto Scaling group ${autoScaling.group}`]
  return unread.some(({ what }) => what === 'autoScaling') ? ['new instances of an Auto Scaling group, if it is in one, which could not be read'] : []
}

function hits (others: string[]): string {
  return others.length > 0 ? `this hits ${others.join(', ')}` : 'nobody else is hit'
}

function nameOf (arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}

function inOrder (actions: PlannedAction[]): PlannedAction[] {
  return STAGES.flatMap((stage) => actions.filter((each) => each.stage === stage))
}

function action (
  kind: ActionKind, resource: string, words: string, parameters: Record<string, unknown> = {}, more: Partial<PlannedAction> = {}
): PlannedAction {
  const { stage, needs } = KINDS[kind]
  return { kind, stage, resource, words, parameters: JSON.parse(JSON.stringify(parameters)) as Record<string, unknown>, needs: [...needs], ...more }
}

/** What is offered and not done by itself: for each rung, whom it would hit. */
export function offeredRungs (facts: InstanceFacts, around: Surroundings, policy: ContainmentPolicy): Array<{ rung: Rung, resource: string, words: string, hits: string[] }> {
  const subnets = around.subnets.map((subnet) => ({ ...subnet, others: hitBySubnet(subnet, around) }))
  const unused = subnets.filter(({ others }) => policy.networkAcl === 'never' || others.length > 0)
  return [
    ...unused.map(({ subnetId, others }) => ({
      rung: 'network-acl' as const, resource: subnetId, words: 'A network ACL that denies everything cuts open connections at once, for the whole subnet', hits: others
    })),
    ...around.role && !around.role.serviceLinked
      ? [{
          rung: 'role-sessions' as const,
          resource: around.role.roleName,
          words: 'Denying every session of the role also stops credentials that were passed on through it',
          hits: [...around.role.otherInstances, ...around.role.otherPrincipals]
        }]
      : [],
    ...policy.dnsFirewall === 'when-alone' && isAlone(around)
      ? []
      : [{ rung: 'dns-firewall' as const, resource: facts.vpcId, words: 'A DNS Firewall rule ends exfiltration in DNS queries, for the whole VPC', hits: hitByDns(around) }],
    { rung: 'stop-instance' as const, resource: facts.instanceId, words: 'A stopped instance does nothing more; what is in memory and on instance-store disks is lost', hits: [] }
  ]
}
