/**
 * One incident's clean room, whole: run first without disks while the snapshots complete, then again with them.
 */
import * as aws from '@pulumi/aws'
import { WorkstationAccess } from './access.ts'
import { IsolatedNetwork } from './isolated-network.ts'
import { planNetwork, type NetworkPlan } from './network-plan.ts'
import type { CleanRoomInput, RoomOutputs } from './room-input.ts'
import { VolumeCopies } from './volume-copies.ts'
import { Workstation } from './workstation.ts'

/** @throws RangeError for an impossible input, before anything is made */
export function cleanRoomProgram (input: CleanRoomInput) {
  const plan = planNetwork(input)
  return async () => declareRoom(input, plan)
}

function declareRoom (input: CleanRoomInput, plan: NetworkPlan) {
  const { incidentId, baseline } = input
  // Its own provider: never the Region, account or role that the process happens to run with.
  const provider = new aws.Provider('room', {
    region: baseline.region as aws.Region,
    allowedAccountIds: [baseline.accountId],
    assumeRoles: [{ roleArn: baseline.roles.build, sessionName: `cleanroom-${incidentId}`.slice(0, 64) }]
  })
  const opts = { provider }

  const network = new IsolatedNetwork('network', {
    incidentId,
    plan,
    flowLogDestination: `arn:${baseline.partition}:s3:::${baseline.evidenceBucket}/incidents/${incidentId}/flow-logs/`,
    expiresAt: input.expiresAt
  }, opts)
  const access = new WorkstationAccess('access', input, opts)
  const workstation = new Workstation('workstation', {
    incidentId,
    image: baseline.workstation.image,
    instanceType: input.instanceType,
    subnet: network.subnets[0] as aws.ec2.Subnet,
    groupId: network.workstationGroupId,
    profileName: access.profileName,
    kmsKeyArn: baseline.evidenceKeyArn
  }, opts)
  const volumeCopies = new VolumeCopies('volumes', {
    incidentId,
    volumes: input.volumes,
    availabilityZone: workstation.availabilityZone,
    instanceId: workstation.instanceId,
    kmsKeyArn: baseline.evidenceKeyArn
  }, opts)

  const outputs = {
    vpcId: network.vpcId,
    subnetIds: network.subnets.map(({ id }) => id),
    workstationId: workstation.instanceId,
    availabilityZone: workstation.availabilityZone,
    workstationRoleName: access.roleName,
    volumes: volumeCopies.volumes,
    scratchVolumeId: workstation.scratchVolumeId
  }
  return outputs satisfies { [K in keyof RoomOutputs]: unknown }
}
