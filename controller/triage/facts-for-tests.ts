/**
 * For tests: an instance about which nothing is special, to be made special where a test needs it.
 */
import type { InstanceFacts } from './target-facts.ts'

export const PLAIN_INSTANCE: InstanceFacts = {
  instanceId: 'i-1',
  accountId: '123456789012',
  region: 'eu-central-1',
  state: 'running',
  vpcId: 'vpc-1',
  subnetId: 'subnet-1',
  availabilityZone: 'eu-central-1a',
  instanceType: 'm5.large',
  architecture: 'x86_64',
  platform: 'linux',
  interfaces: [],
  volumes: [],
  instanceStoreDevices: [],
  hibernationConfigured: false,
  spot: false,
  tags: {}
}
