/**
 * What AWS itself shows, asked directly with credentials of the demo's own: nothing here trusts Cleanroom.
 */
import { createHash } from 'node:crypto'
import { AutoScalingClient, DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling'
import {
  DescribeInstanceAttributeCommand, DescribeInstancesCommand, DescribeInternetGatewaysCommand, DescribeNatGatewaysCommand,
  DescribeNetworkInterfacesCommand, DescribeRouteTablesCommand, DescribeSecurityGroupRulesCommand, DescribeSecurityGroupsCommand,
  DescribeSnapshotsCommand, DescribeSubnetsCommand, DescribeTransitGatewayVpcAttachmentsCommand, DescribeVolumesCommand,
  DescribeVpcEndpointsCommand, DescribeVpcPeeringConnectionsCommand, DescribeVpcsCommand, EC2Client
} from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { DescribeTargetHealthCommand, ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { IAMClient, paginateListInstanceProfiles, paginateListRoles } from '@aws-sdk/client-iam'
import { GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { GetObjectCommand, GetObjectRetentionCommand, S3Client } from '@aws-sdk/client-s3'
import { ResolverClient } from '../../controller/aws/resolver-client.ts'
import { portray, type Portrait, type PortraitClients } from './portrait.ts'

export class CloudWitness {
  readonly ec2: EC2Client
  readonly #autoScaling: AutoScalingClient
  readonly #elbv2: ElasticLoadBalancingV2Client
  readonly #iam: IAMClient
  readonly #kms: KMSClient
  readonly #s3: S3Client
  readonly #portraitClients: PortraitClients

  constructor (endpoint: string, region: string) {
    const config = { endpoint, region, credentials: { accessKeyId: 'witness', secretAccessKey: 'witness' } }
    this.ec2 = new EC2Client(config)
    this.#autoScaling = new AutoScalingClient(config)
    this.#elbv2 = new ElasticLoadBalancingV2Client(config)
    this.#iam = new IAMClient(config)
    this.#kms = new KMSClient(config)
    this.#s3 = new S3Client({ ...config, forcePathStyle: true })
    this.#portraitClients = {
      ec2: this.ec2,
      autoScaling: this.#autoScaling,
      elb: new ElasticLoadBalancingClient(config),
      elbv2: this.#elbv2,
      iam: this.#iam,
      resolver: new ResolverClient(config)
    }
  }

  async interfaces (instanceId: string): Promise<Array<{ id: string, groups: string[] }>> {
    const answer = await this.ec2.send(new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] }))
    return answer.NetworkInterfaces!.map((each) => ({ id: each.NetworkInterfaceId!, groups: each.Groups!.map(({ GroupId }) => GroupId!) }))
  }

  async rules (groupId: string): Promise<number> {
    const answer = await this.ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [groupId] }] }))
    return answer.SecurityGroupRules!.length
  }

  async autoScalingGroup (instanceId: string): Promise<string | undefined> {
    const answer = await this.#autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] }))
    return answer.AutoScalingInstances?.[0]?.AutoScalingGroupName
  }

  /** Whether the target group still sends the instance traffic. */
  async isTarget (targetGroupArn: string, instanceId: string): Promise<boolean> {
    const answer = await this.#elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn }))
    return answer.TargetHealthDescriptions!.some(({ Target, TargetHealth }) =>
      Target!.Id === instanceId && !['draining', 'unused'].includes(TargetHealth!.State!))
  }

  async terminationProtected (instanceId: string): Promise<boolean> {
    const answer = await this.ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: 'disableApiTermination' }))
    return answer.DisableApiTermination?.Value === true
  }

  /** All that AWS shows of an instance from outside; see portrait.ts. */
  async portrait (instanceId: string, { accessKeyIds = [] }: { accessKeyIds?: string[] } = {}): Promise<Portrait> {
    return await portray(this.#portraitClients, instanceId, accessKeyIds)
  }

  /** Ways out of a VPC, in words; a closed VPC has none. */
  async waysOut (vpcId: string): Promise<string[]> {
    const [internet, nat, transit, asked, accepted, tables, endpoints] = await Promise.all([
      this.ec2.send(new DescribeInternetGatewaysCommand({ Filters: [{ Name: 'attachment.vpc-id', Values: [vpcId] }] })),
      this.ec2.send(new DescribeNatGatewaysCommand({ Filter: [{ Name: 'vpc-id', Values: [vpcId] }] })),
      this.ec2.send(new DescribeTransitGatewayVpcAttachmentsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] })),
      this.ec2.send(new DescribeVpcPeeringConnectionsCommand({ Filters: [{ Name: 'requester-vpc-info.vpc-id', Values: [vpcId] }] })),
      this.ec2.send(new DescribeVpcPeeringConnectionsCommand({ Filters: [{ Name: 'accepter-vpc-info.vpc-id', Values: [vpcId] }] })),
      this.ec2.send(new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] })),
      this.ec2.send(new DescribeVpcEndpointsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] }))
    ])
    const gatewayEndpoints = endpoints.VpcEndpoints!.filter(({ VpcEndpointType }) => VpcEndpointType === 'Gateway').map(({ VpcEndpointId }) => VpcEndpointId)
    const routes = tables.RouteTables!.flatMap(({ Routes = [] }) => Routes)
      .filter(({ GatewayId }) => GatewayId !== 'local' && !gatewayEndpoints.includes(GatewayId))
    return [
      ...internet.InternetGateways!.map(({ InternetGatewayId }) => `internet gateway ${InternetGatewayId}`),
      ...nat.NatGateways!.filter(({ State }) => State !== 'deleted').map(({ NatGatewayId }) => `NAT gateway ${NatGatewayId}`),
      ...(transit.TransitGatewayVpcAttachments ?? []).map(({ TransitGatewayId }) => `transit gateway ${TransitGatewayId}`),
      ...[...asked.VpcPeeringConnections!, ...accepted.VpcPeeringConnections!].map(({ VpcPeeringConnectionId }) => `peering ${VpcPeeringConnectionId}`),
      ...routes.map((route) => `route ${route.DestinationCidrBlock ?? route.DestinationPrefixListId ?? route.DestinationIpv6CidrBlock} to ${route.GatewayId ?? route.NatGatewayId ?? route.TransitGatewayId ?? 'somewhere'}`)
    ]
  }

  /** Snapshot ids whose copies are attached to an instance. */
  async attachedCopies (instanceId: string): Promise<string[]> {
    const answer = await this.ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] }))
    return answer.Volumes!.filter(({ Attachments }) => Attachments?.some(({ State }) => State === 'attached')).map(({ SnapshotId }) => SnapshotId!).filter(Boolean)
  }

  async publicAddress (instanceId: string): Promise<string | undefined> {
    const answer = await this.ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
    return answer.Reservations![0]!.Instances![0]!.PublicIpAddress
  }

  /** What of a room is still there: everything with the incident's tag that is not evidence or isolation. */
  async remains (incidentId: string, vpcId: string): Promise<string[]> {
    const byTag = [{ Name: 'tag:cleanroom:incident', Values: [incidentId] }]
    const inVpc = [{ Name: 'vpc-id', Values: [vpcId] }]
    const [vpcs, subnets, groups, endpoints, interfaces, tables, volumes, instances] = await Promise.all([
      this.ec2.send(new DescribeVpcsCommand({ Filters: byTag })),
      this.ec2.send(new DescribeSubnetsCommand({ Filters: inVpc })),
      this.ec2.send(new DescribeSecurityGroupsCommand({ Filters: inVpc })),
      this.ec2.send(new DescribeVpcEndpointsCommand({ Filters: byTag })),
      this.ec2.send(new DescribeNetworkInterfacesCommand({ Filters: inVpc })),
      this.ec2.send(new DescribeRouteTablesCommand({ Filters: inVpc })),
      this.ec2.send(new DescribeVolumesCommand({ Filters: byTag })),
      this.ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: 'tag:cleanroom:purpose', Values: ['workstation', 'clean-room'] }, ...byTag] }))
    ])
    const identities: string[] = []
    for await (const page of paginateListRoles({ client: this.#iam }, {})) identities.push(...page.Roles!.map(({ RoleName }) => RoleName!))
    for await (const page of paginateListInstanceProfiles({ client: this.#iam }, {})) identities.push(...page.InstanceProfiles!.map(({ InstanceProfileName }) => InstanceProfileName!))
    return [
      ...vpcs.Vpcs!.map(({ VpcId }) => VpcId!),
      ...subnets.Subnets!.map(({ SubnetId }) => SubnetId!),
      ...groups.SecurityGroups!.map(({ GroupId }) => GroupId!),
      ...endpoints.VpcEndpoints!.filter(({ State }) => !/delet/i.test(State!)).map(({ VpcEndpointId }) => VpcEndpointId!),
      ...interfaces.NetworkInterfaces!.map(({ NetworkInterfaceId }) => NetworkInterfaceId!),
      ...tables.RouteTables!.map(({ RouteTableId }) => RouteTableId!),
      ...volumes.Volumes!.map(({ VolumeId }) => VolumeId!),
      ...instances.Reservations!.flatMap(({ Instances }) => Instances!).filter(({ State }) => State!.Name !== 'terminated').map(({ InstanceId }) => InstanceId!),
      ...identities.filter((name) => name.includes(incidentId))
    ]
  }

  async snapshots (incidentId: string): Promise<string[]> {
    const answer = await this.ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'], Filters: [{ Name: 'tag:cleanroom:incident', Values: [incidentId] }] }))
    return answer.Snapshots!.filter(({ State }) => State === 'completed').map(({ SnapshotId }) => SnapshotId!)
  }

  /** SHA-256 of an object's bytes as they come from S3, and until when they are locked. */
  async stored (bucket: string, key: string): Promise<{ sha256: string, bytes: Buffer, lockedUntil: Date | undefined }> {
    const [object, retention] = await Promise.all([
      this.#s3.send(new GetObjectCommand({ Bucket: bucket, Key: key })),
      this.#s3.send(new GetObjectRetentionCommand({ Bucket: bucket, Key: key }))
    ])
    const bytes = Buffer.from(await object.Body!.transformToByteArray())
    return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes, lockedUntil: retention.Retention?.RetainUntilDate }
  }

  /** The public half of a KMS key, DER (SubjectPublicKeyInfo). */
  async publicKey (keyId: string): Promise<Buffer> {
    const answer = await this.#kms.send(new GetPublicKeyCommand({ KeyId: keyId }))
    return Buffer.from(answer.PublicKey!)
  }
}
