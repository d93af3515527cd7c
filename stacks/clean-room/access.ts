/**
 * Who the workstation is: a role of this incident alone, bounded by the baseline, gone with the room.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { WORKSTATION_TRUST, workstationPolicy } from './permissions.ts'
import { namedTags, ROOM_IAM_PATH, workstationRoleName, type CleanRoomInput } from './room-input.ts'

export class WorkstationAccess extends pulumi.ComponentResource {
  readonly roleName: pulumi.Output<string>
  readonly profileName: pulumi.Output<string>

  constructor (name: string, input: CleanRoomInput, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:room:WorkstationAccess', name, {}, opts)
    const parent = { parent: this }
    const identity = { name: workstationRoleName(input.incidentId), path: ROOM_IAM_PATH, tags: namedTags(input.incidentId, 'workstation') }

    const role = new aws.iam.Role(`${name}-role`, {
      ...identity,
      description: `Clean room workstation of incident ${input.incidentId}`,
      assumeRolePolicy: JSON.stringify(WORKSTATION_TRUST),
      permissionsBoundary: input.baseline.workstation.boundaryArn
    }, parent)
    const policy = new aws.iam.RolePolicy(`${name}-policy`, {
      name: 'workstation', role: role.name, policy: JSON.stringify(workstationPolicy(input))
    }, parent)
    const profile = new aws.iam.InstanceProfile(`${name}-profile`, { ...identity, role: role.name }, parent)

    this.roleName = role.name
    // An agent that starts without rights backs off for minutes: the profile is ready when its policy is.
    this.profileName = pulumi.all([profile.name, policy.id]).apply(([profileName]) => profileName)
    this.registerOutputs({ roleName: this.roleName, profileName: this.profileName })
  }
}
