/**
 * What the response needs to know of a suspected instance before it changes anything.
 */
export interface InterfaceFacts {
  interfaceId: string
  deviceIndex: number
  networkCardIndex: number
  securityGroupIds: string[]
  privateAddresses: string[]
  ipv6Addresses: string[]
}

export interface VolumeFacts {
  volumeId: string
  device: string
  sizeGiB: number
  encrypted: boolean
  kmsKeyId?: string
  deleteOnTermination: boolean
}

export interface AutoScalingFacts { group: string, lifecycleState: string }

/** One registration of the instance with a target group, by instance id or by one of its addresses. */
export interface TargetFacts { targetGroupArn: string, targetId: string, port?: number, availabilityZone?: string }

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
  interfaces: InterfaceFacts[]
  volumes: VolumeFacts[]
  /** Devices whose data are in no snapshot and die at stop. */
  instanceStoreDevices: string[]
  hibernationConfigured: boolean
  autoScaling?: AutoScalingFacts
  targets: TargetFacts[]
  classicLoadBalancers: string[]
  instanceProfileArn?: string
  tags: Record<string, string>
}

/** One part of the description: what AWS answered, or why it did not. */
export type Section = { data: unknown } | { error: { code: string, message: string } }

export interface InstanceDescription {
  describedAt: string
  facts: InstanceFacts
  sections: Record<string, Section>
}
