/**
 * What may get past security groups, in plain words for the report. Pure.
 *
 * Source: Amazon EC2 User Guide, "Security group connection tracking"; Amazon VPC User Guide, "Security
 * groups" (traffic to the VPC's own DNS, metadata and time services is not filtered).
 */
import type { InstanceFacts } from '../triage/target-facts.ts'

export function residualRisks (facts: InstanceFacts): string[] {
  return [
    'Connections that were open and tracked when the groups changed may last until they are idle; a replaced group does not cut them.',
    'Security groups do not filter the VPC\'s own DNS resolver, so data can still leave in DNS queries.',
    'The instance still reaches the instance metadata service and the Amazon time service.',
    ...facts.instanceProfileArn ? ['Credentials of the instance profile that were already issued stay valid until they expire.'] : [],
    ...facts.instanceStoreDevices.length > 0 ? [`Instance-store data on ${facts.instanceStoreDevices.join(', ')} is in no snapshot and dies when the instance stops.`] : [],
    ...facts.hibernationConfigured ? ['Hibernation is configured: a hibernate request would write memory to the root volume.'] : []
  ]
}
