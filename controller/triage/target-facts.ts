/**
 * What the response needs to know of a suspected instance before it changes anything.
 *
 * `InstanceFacts` is what cutting it off needs and comes from one round of reads; `Surroundings` is what
 * else the response would touch or hit, each part of it optional: what can't be read is named in `unread`
 * and holds nothing up.
 */
export interface ElasticAddress {
  allocationId: string
  associationId: string
  publicIp: string
  /** The address of the interface that it stands for. */
  privateAddress: string
}

export interface InterfaceFacts {
  interfaceId: string
  /** EC2's word: `interface`, `efa`, `trunk`, `branch`, … */
  kind: string
  deviceIndex: number
  networkCardIndex: number
  subnetId: string
  /** Where it is in another VPC than the instance. */
  vpcId?: string
  securityGroupIds: string[]
  privateAddresses: string[]
  ipv6Addresses: string[]
  elasticAddresses: ElasticAddress[]
}

export interface VolumeFacts {
  volumeId: string
  device: string
  sizeGiB: number
  encrypted: boolean
  kmsKeyId?: string
  deleteOnTermination: boolean
}

export interface InstanceFacts {
  instanceId: string
  accountId: string
  region: string
  state: string
  vpcId: string
  subnetId: string
  availabilityZone: string
  instanceType: string
  architecture: string
  platform: 'linux' | 'windows'
  /** Attached ones, and the branches of a trunk; by network card and device index. */
  interfaces: InterfaceFacts[]
  volumes: VolumeFacts[]
  /** Devices whose data are in no snapshot and die at stop. */
  instanceStoreDevices: string[]
  hibernationConfigured: boolean
  /** A Spot instance: EC2 may interrupt it whatever is protected. */
  spot: boolean
  instanceProfileArn?: string
  tags: Record<string, string>
}

/** Its own VPC first, then those that it has further interfaces in. */
export function vpcIdsOf ({ vpcId, interfaces }: Pick<InstanceFacts, 'vpcId' | 'interfaces'>): string[] {
  return [...new Set([vpcId, ...interfaces.map((each) => each.vpcId ?? vpcId)])]
}

export interface AutoScalingFacts {
  group: string
  lifecycleState: string
  desiredCapacity: number
  minSize: number
  maxSize: number
  /** Ids of all its instances, sorted. */
  members: string[]
  /** Subnets that it starts instances in, sorted; empty when it names none. */
  subnetIds: string[]
  /** Arns of the target groups it registers its instances with. */
  targetGroupArns: string[]
}

/** One registration of the instance with a target group, by instance id or by one of its addresses. */
export interface TargetFacts { targetGroupArn: string, targetId: string, port?: number, availabilityZone?: string }

export interface RoleFacts {
  roleName: string
  roleArn: string
  /** IAM's unique id (AROA…): the first part of `aws:userid` in its sessions. */
  roleId: string
  /** AWS's own role for a service; its policies can't be changed. */
  serviceLinked: boolean
  /** Ids of other instances that act with the role, sorted. */
  otherInstances: string[]
  /** Who else its trust policy lets in, apart from EC2. */
  otherPrincipals: string[]
}

export interface SubnetFacts {
  subnetId: string
  /** Where it is in another VPC than the instance. */
  vpcId?: string
  networkAclId: string
  /** Of the subnet with its network ACL. */
  associationId: string
  /** Interfaces of others in it, in words: id and whose it is. */
  neighbours: string[]
}

/** An interface endpoint of Systems Manager in the VPC. */
export interface EndpointFacts { endpointId: string, service: string, addresses: string[] }

export interface AccessKeyFacts { accessKeyId: string, userName: string, active: boolean }

export interface FlowLogFacts {
  flowLogId: string
  /** The interface, subnet or VPC that is logged. */
  resourceId: string
  destination: 'cloud-watch-logs' | 's3' | 'kinesis-data-firehose'
  /** The log group's name, else the destination's ARN. */
  destinationName: string
  /** Field names in order, as `${interface-id} …`. */
  format: string
  aggregationSeconds: number
}

export interface Surroundings {
  autoScaling?: AutoScalingFacts
  targets: TargetFacts[]
  classicLoadBalancers: string[]
  /** The profile's role. */
  role?: RoleFacts
  /** Subnets of the instance's interfaces. */
  subnets: SubnetFacts[]
  /** Who else is in the VPC and may use its DNS: ids of other instances, interfaces of others in words, sorted. */
  othersInVpc: string[]
  ssmEndpoints: EndpointFacts[]
  /** The keys that the request names, as IAM has them. */
  accessKeys: AccessKeyFacts[]
  flowLogs: FlowLogFacts[]
  /** Disks of the instance's type whose data are in no snapshot and die when it stops; sizes in GiB. */
  instanceStore?: { disks: number, gib: number }
  /** Retirement, reboot and the like, in words. */
  scheduledEvents: string[]
  /** What could not be read, and why. */
  unread: Array<{ what: keyof Omit<Surroundings, 'unread'>, code: string, message: string }>
}

/** One part of the description: what AWS answered, or why it did not. */
export type Section = { data: unknown } | { error: { code: string, message: string } }
export type Sections = Record<string, Section>

/** Facts, with AWS's own answers that they were taken from. */
export interface Read<F> { facts: F, sections: Sections }
