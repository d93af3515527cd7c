/** The IAM resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { instanceProfile } from './instance-profile.ts'
import { policy, rolePolicy, rolePolicyAttachment } from './policies.ts'
import { role } from './role.ts'

export const types: Record<string, ResourceType> = {
  'aws:iam/instanceProfile:InstanceProfile': instanceProfile,
  'aws:iam/policy:Policy': policy,
  'aws:iam/role:Role': role,
  'aws:iam/rolePolicy:RolePolicy': rolePolicy,
  'aws:iam/rolePolicyAttachment:RolePolicyAttachment': rolePolicyAttachment
}
