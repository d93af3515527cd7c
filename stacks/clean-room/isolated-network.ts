/**
 * A network nothing leaves: no gateway, no route but the VPC's own and S3's, endpoints with a policy each.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { NetworkPlan } from './network-plan.ts'
import { namedTags } from './room-input.ts'

export interface IsolatedNetworkArgs {
  incidentId: string
  plan: NetworkPlan
  /** Where flow logs go: ARN of a bucket and a prefix in it. */
  flowLogDestination: string
  /** ISO 8601; on the VPC, for whoever looks for rooms that outlived their incident. */
  expiresAt: string
}

export class IsolatedNetwork extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>
  readonly subnets: aws.ec2.Subnet[]
  readonly workstationGroupId: pulumi.Output<string>

  constructor (name: string, args: IsolatedNetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:room:IsolatedNetwork', name, {}, opts)
    const { incidentId, plan } = args
    const parent = { parent: this }
    const tags = (part: string) => namedTags(incidentId, part)

    const vpc = new aws.ec2.Vpc(`${name}-vpc`, {
      cidrBlock: plan.cidr,
      // Both are what an endpoint's private DNS name needs.
      enableDnsSupport: true,
      enableDnsHostnames: true,
      tags: { ...tags('vpc'), 'cleanroom:expires-at': args.expiresAt }
    }, parent)
    const vpcId = vpc.id
    // Adopted without rules: a network interface made without a group lands in this one.
    const closed = new aws.ec2.DefaultSecurityGroup(`${name}-default-group`, { vpcId, tags: tags('default-group') }, parent)

    const flowLog = new aws.ec2.FlowLog(`${name}-flow-log`, {
      vpcId,
      trafficType: 'ALL',
      logDestinationType: 's3',
      logDestination: args.flowLogDestination,
      maxAggregationInterval: 60,
      tags: tags('flow-log')
    }, parent)

    const routes = new aws.ec2.RouteTable(`${name}-routes`, { vpcId, tags: tags('routes') }, parent)
    this.subnets = plan.subnets.map(({ name: subnet, cidr, availabilityZone }) => {
      const made = new aws.ec2.Subnet(`${name}-${subnet}`, {
        vpcId, cidrBlock: cidr, availabilityZone, mapPublicIpOnLaunch: false, tags: tags(subnet)
      }, parent)
      return made
    })
    const associations = this.subnets.map((subnet, index) => new aws.ec2.RouteTableAssociation(
      `${name}-${plan.subnets[index]?.name}-routes`, { subnetId: subnet.id, routeTableId: routes.id }, parent))

    const group = (part: string, description: string) =>
      new aws.ec2.SecurityGroup(`${name}-${part}`, { vpcId, name: `clean-room-${incidentId}-${part}`, description, tags: tags(part) }, parent)
    const workstations = group('workstation-group', 'Clean room: workstation; in: nothing, out: 443 to endpoints')
    const endpoints = group('endpoint-group', 'Clean room: endpoints; in: 443 from the workstation, out: nothing')

    const gateways: aws.ec2.VpcEndpoint[] = []
    for (const { service, serviceName, type, policy } of plan.endpoints) {
      const endpoint = new aws.ec2.VpcEndpoint(`${name}-${service}`, {
        vpcId,
        serviceName,
        vpcEndpointType: type,
        policy: JSON.stringify(policy),
        ...type === 'Gateway'
          ? { routeTableIds: [routes.id] }
          : { subnetIds: this.subnets.map(({ id }) => id), securityGroupIds: [endpoints.id], privateDnsEnabled: true },
        tags: tags(service)
      }, parent)
      if (type === 'Gateway') gateways.push(endpoint)
    }

    const https = { ipProtocol: 'tcp', fromPort: 443, toPort: 443 }
    const rules = [
      new aws.vpc.SecurityGroupIngressRule(`${name}-workstation-to-endpoints-in`, {
        ...https, securityGroupId: endpoints.id, referencedSecurityGroupId: workstations.id, tags: tags('workstation-to-endpoints-in')
      }, parent),
      new aws.vpc.SecurityGroupEgressRule(`${name}-workstation-to-endpoints-out`, {
        ...https, securityGroupId: workstations.id, referencedSecurityGroupId: endpoints.id, tags: tags('workstation-to-endpoints-out')
      }, parent),
      ...gateways.map(gateway => new aws.vpc.SecurityGroupEgressRule(`${name}-workstation-to-s3-out`, {
        ...https, securityGroupId: workstations.id, prefixListId: gateway.prefixListId, tags: tags('workstation-to-s3-out')
      }, parent))
    ]

    // Nobody may start a machine here before the network is closed and watched.
    const ready = [closed.id, flowLog.id, ...associations.map(({ id }) => id), ...rules.map(({ id }) => id)]
    this.vpcId = vpcId
    this.workstationGroupId = pulumi.all([workstations.id, ...ready]).apply(([id]) => id as string)
    this.registerOutputs({ vpcId, subnetIds: this.subnets.map(({ id }) => id), workstationGroupId: this.workstationGroupId })
  }
}
