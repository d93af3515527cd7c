/** The responders' roles, the workstation's, and the boundary that every room's workstation carries. */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { BaselineConfig } from './config.ts'
import { ROLE_PATH, ROLES, type RoleName } from './names.ts'
import type { PolicyContext, PolicyDocument } from './policies/document.ts'
import { ROLE_POLICIES } from './policies/roles.ts'
import { breakGlassTrust, controllerTrust, ec2Trust, investigatorTrust, phaseTrust } from './policies/trust.ts'
import { workstationBoundary, workstationPolicy } from './policies/workstation.ts'
import { tags } from './tags.ts'

type Trust = (ctx: PolicyContext, config: BaselineConfig) => PolicyDocument
const TRUST: Record<RoleName, Trust> = {
  controller: (ctx, config) => controllerTrust(ctx, config.trustedPrincipals),
  contain: phaseTrust,
  acquire: phaseTrust,
  build: phaseTrust,
  analyse: phaseTrust,
  investigator: (ctx, config) => investigatorTrust(ctx, config.investigators),
  breakGlass: (ctx, config) => breakGlassTrust(ctx, config.breakGlassPrincipals)
}

export class ResponderRoles extends pulumi.ComponentResource {
  readonly roles: Record<RoleName, aws.iam.Role>
  readonly workstation: aws.iam.Role
  readonly instanceProfile: aws.iam.InstanceProfile
  readonly boundary: aws.iam.Policy

  constructor (name: string, { ctx, config }: { ctx: pulumi.Output<PolicyContext>, config: BaselineConfig }, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:baseline:ResponderRoles', name, {}, opts)
    const json = (make: (known: PolicyContext) => PolicyDocument): pulumi.Output<string> => ctx.apply(known => JSON.stringify(make(known)))
    const roles: Partial<Record<RoleName, aws.iam.Role>> = {}
    for (const role of ROLES) {
      roles[role] = new aws.iam.Role(`${name}-${role}`, {
        name: ctx.apply(({ names }) => names.roleName(role)),
        path: ROLE_PATH,
        description: ROLE_POLICIES[role].description,
        assumeRolePolicy: json(known => TRUST[role](known, config)),
        // Role chaining allows an hour and no more; people's sessions get no longer either.
        maxSessionDuration: 3600,
        tags: tags(`${role}-role`)
      // IAM refuses a trust policy that names a role which isn't there yet.
      }, { parent: this, dependsOn: roles.controller ? [roles.controller] : [] })
      inline(role, roles[role], json(ROLE_POLICIES[role].policy), this, name)
    }
    this.roles = roles as Record<RoleName, aws.iam.Role>

    this.boundary = new aws.iam.Policy(`${name}-workstation-boundary`, {
      name: ctx.apply(({ names }) => names.boundary),
      path: ROLE_PATH,
      description: 'The most that a clean-room workstation may ever do',
      policy: json(workstationBoundary),
      tags: tags('workstation-boundary')
    }, { parent: this })
    this.workstation = new aws.iam.Role(`${name}-workstation`, {
      name: ctx.apply(({ names }) => names.workstation),
      path: ROLE_PATH,
      description: 'A workstation that belongs to no incident yet',
      assumeRolePolicy: JSON.stringify(ec2Trust()),
      permissionsBoundary: this.boundary.arn,
      tags: tags('workstation-role')
    }, { parent: this })
    inline('workstation', this.workstation, pulumi.output(JSON.stringify(workstationPolicy())), this, name)
    this.instanceProfile = new aws.iam.InstanceProfile(`${name}-workstation`, {
      name: ctx.apply(({ names }) => names.workstation), path: ROLE_PATH, role: this.workstation.name, tags: tags('workstation-profile')
    }, { parent: this })
    this.registerOutputs({})
  }
}

function inline (purpose: string, role: aws.iam.Role, policy: pulumi.Output<string>, parent: pulumi.Resource, name: string): void {
  // eslint-disable-next-line no-new
  new aws.iam.RolePolicy(`${name}-${purpose}`, { role: role.name, name: purpose, policy }, { parent })
}
