/**
 * How long a response will take, roughly. Pure; for a person who has to decide, never for a time-out.
 */
import type { ContainmentPolicy } from '../incident/incident.ts'
import type { InstanceFacts } from '../triage/target-facts.ts'

export interface Estimate {
  /** How the numbers came about, and that they promise nothing. */
  basis: string
  /** Calls to AWS that must wait for one another until the instance is cut off; all others run beside. */
  sequentialCalls: string[]
  secondsToContain: number
  /** For the largest volume; all are copied side by side. Absent when no size could be read. */
  minutesToSnapshot?: number
}

/** Assumed for one call to EC2, with what the ledger and the workflow write around it. */
const SECONDS_PER_CALL = 0.5
/** Assumed for a first snapshot of a full disk; AWS states no rate. */
const SNAPSHOT_MIB_PER_SECOND = 100

export function estimate ({ volumes }: Pick<InstanceFacts, 'volumes'>, { trackedConnections }: Pick<ContainmentPolicy, 'trackedConnections'>): Estimate {
  const sequentialCalls = [
    'DescribeInstances: in which VPC it is',
    'CreateSecurityGroup: the isolation group; its interfaces are read meanwhile',
    'DescribeSecurityGroupRules: the rules that a new group comes with',
    'RevokeSecurityGroupEgress: those',
    'DescribeSecurityGroupRules: that none is left',
    ...trackedConnections === 'swap' ? ['ModifyNetworkInterfaceAttribute: end connection tracking, every interface at once'] : [],
    'ModifyNetworkInterfaceAttribute: isolate, every interface at once'
  ]
  const largest = Math.max(0, ...volumes.map(({ sizeGiB }) => sizeGiB))
  return {
    basis: `Rough: ${SECONDS_PER_CALL} s for each call that waits for another; snapshots as if every block were written, at ${SNAPSHOT_MIB_PER_SECOND} MiB/s. No promise.`,
    sequentialCalls,
    secondsToContain: Math.ceil(sequentialCalls.length * SECONDS_PER_CALL),
    ...largest > 0 && { minutesToSnapshot: Math.ceil(largest * 1024 / SNAPSHOT_MIB_PER_SECOND / 60) }
  }
}
