/**
 * Reads what AWS knows of an instance, before anything is changed, as the first evidence.
 *
 * The order of volatility (RFC 3227; AWS Security Incident Response Guide, "Collect and analyse forensic
 * evidence"): metadata first. It is kept where AWS gives it, and the reason where it does not, so that one
 * missing permission never holds a response up. What the response itself needs is read first and apart:
 * read-instance.ts what cutting off needs, survey-instance.ts what else would be touched.
 */
import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import {
  DescribeAddressesCommand, DescribeIamInstanceProfileAssociationsCommand, DescribeImagesCommand, DescribeInstanceAttributeCommand,
  DescribeInstancesCommand, DescribeNetworkAclsCommand, DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand, DescribeSecurityGroupsCommand, DescribeSubnetsCommand, DescribeVpcsCommand,
  type EC2Client, type Instance, type InstanceAttributeName
} from '@aws-sdk/client-ec2'
import type { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import {
  GetInstanceProfileCommand, GetRolePolicyCommand, ListAttachedRolePoliciesCommand, ListRolePoliciesCommand, type IAMClient
} from '@aws-sdk/client-iam'
import { awsCode, fromAws } from '../aws/aws-errors.ts'
import { CleanroomError } from '../incident/errors.ts'
import { readSections, within, type Limited } from './sections.ts'
import type { InstanceFacts, Read, Sections, Surroundings } from './target-facts.ts'

export interface TriageClients {
  ec2: EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
  iam: IAMClient
}

/** The evidence document: everything AWS knows of an instance, before anything was changed. */
export interface InstanceDescription {
  /** ISO 8601 in UTC. */
  describedAt: string
  facts: InstanceFacts
  surroundings: Surroundings
  sections: Sections
}

/** Pure. Names of sections differ from one read to the other, so none hides another. */
export function assembleDescription (now: Date, core: Read<InstanceFacts>, around: Read<Surroundings>, rest: Sections): InstanceDescription {
  return { describedAt: now.toISOString(), facts: core.facts, surroundings: around.facts, sections: { ...core.sections, ...around.sections, ...rest } }
}

/**
 * The instance as AWS has it now.
 * @throws CleanroomError INSTANCE_NOT_FOUND, INSTANCE_TERMINATED, AWS_*
 */
export async function findInstance (ec2: EC2Client, instanceId: string): Promise<Instance> {
  let found: Instance | undefined
  try {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
    found = answer.Reservations?.flatMap(({ Instances = [] }) => Instances)[0]
  } catch (error) {
    if (!/^InvalidInstanceID/.test(awsCode(error) ?? '')) throw fromAws(error, `describing ${instanceId}`)
  }
  if (!found) throw new CleanroomError('INSTANCE_NOT_FOUND', `EC2 knows no instance ${instanceId} here.`)
  if (found.State?.Name === 'terminated' || found.State?.Name === 'shutting-down') {
    throw new CleanroomError('INSTANCE_TERMINATED', `Instance ${instanceId} is ${found.State.Name}.`)
  }
  return found
}

const ATTRIBUTES = ['disableApiTermination', 'disableApiStop', 'instanceInitiatedShutdownBehavior', 'userData'] satisfies InstanceAttributeName[]

/** Milliseconds for each section. */
const LIMIT_MS = 20_000

/** What the evidence holds beyond what the response itself needs. Never fails: what can't be read says why. */
export async function describeRest ({ ec2, iam }: Pick<TriageClients, 'ec2' | 'iam'>, facts: InstanceFacts, limitMs = LIMIT_MS): Promise<Sections> {
  const { instanceId, vpcId, instanceProfileArn } = facts
  const groups = [...new Set(facts.interfaces.flatMap(({ securityGroupIds }) => securityGroupIds))]
  const subnets = [...new Set([facts.subnetId, ...facts.interfaces.map(({ subnetId }) => subnetId)])]
  const ofInstance = [{ Name: 'instance-id', Values: [instanceId] }]
  const inVpc = [{ Name: 'vpc-id', Values: [vpcId] }]
  const reads: Record<string, (limited: Limited) => Promise<unknown>> = {
    securityGroups: async (limited) => (await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: groups }), limited)).SecurityGroups,
    securityGroupRules: async (limited) => (await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: groups }] }), limited)).SecurityGroupRules,
    subnetDescriptions: async (limited) => (await ec2.send(new DescribeSubnetsCommand({ SubnetIds: subnets }), limited)).Subnets,
    vpc: async (limited) => (await ec2.send(new DescribeVpcsCommand({ VpcIds: [vpcId] }), limited)).Vpcs,
    networkAcls: async (limited) => (await ec2.send(new DescribeNetworkAclsCommand({ Filters: inVpc }), limited)).NetworkAcls,
    routeTables: async (limited) => (await ec2.send(new DescribeRouteTablesCommand({ Filters: inVpc }), limited)).RouteTables,
    elasticAddresses: async (limited) => (await ec2.send(new DescribeAddressesCommand({ Filters: ofInstance }), limited)).Addresses,
    image: async (limited) => (await ec2.send(new DescribeImagesCommand({ ImageIds: [(await findInstance(ec2, instanceId)).ImageId!] }), limited)).Images,
    instanceProfileAssociation: async (limited) => (await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({ Filters: ofInstance }), limited)).IamInstanceProfileAssociations,
    ...Object.fromEntries(ATTRIBUTES.map((Attribute) => [Attribute, async (limited: Limited) => {
      const { $metadata, ...answer } = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute }), limited)
      return answer
    }])),
    ...instanceProfileArn && { instanceProfile: (limited: Limited) => describeProfile(iam, instanceProfileArn, limited) }
  }
  return await readSections(Object.fromEntries(Object.entries(reads).map(([name, read]) => [name, () => within(limitMs, `reading ${name}`, read)])))
}

/** The profile's roles and what they may do. The role's name may differ from the profile's. */
async function describeProfile (iam: IAMClient, profileArn: string, limited: Limited): Promise<unknown> {
  const name = profileArn.slice(profileArn.lastIndexOf('/') + 1)
  const { InstanceProfile } = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: name }), limited)
  const roles = await Promise.all((InstanceProfile?.Roles ?? []).map(async (role) => {
    const RoleName = role.RoleName!
    const [{ PolicyNames = [] }, { AttachedPolicies = [] }] = await Promise.all([
      iam.send(new ListRolePoliciesCommand({ RoleName }), limited),
      iam.send(new ListAttachedRolePoliciesCommand({ RoleName }), limited)
    ])
    const inlinePolicies = await Promise.all(PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }), limited)
      return { PolicyName, PolicyDocument: decodeURIComponent(PolicyDocument ?? '') }
    }))
    return { role, inlinePolicies, attachedPolicies: AttachedPolicies }
  }))
  return { profile: InstanceProfile, roles }
}
