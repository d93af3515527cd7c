import { GetRoleCommand } from '@aws-sdk/client-iam'
import type { GetRoleArgs } from '@pulumi/aws/iam/getRole.js'
import { lookUp } from '../engine/function-type.ts'
import { may, must } from '../engine/schema.ts'
import { iam, policyText, tagMap } from './client.ts'

export const getRole = lookUp<GetRoleArgs>()({ name: must.text(), tags: may.map() }, async (call, { name }) => {
  const { Role: role } = await iam(call).send(new GetRoleCommand({ RoleName: name }))
  return {
    arn: role?.Arn,
    assumeRolePolicy: policyText(role?.AssumeRolePolicyDocument),
    createDate: role?.CreateDate?.toISOString(),
    description: role?.Description ?? '',
    id: name,
    maxSessionDuration: role?.MaxSessionDuration,
    name,
    path: role?.Path,
    permissionsBoundary: role?.PermissionsBoundary?.PermissionsBoundaryArn ?? '',
    roleLastUseds: [],
    tags: tagMap(role?.Tags),
    uniqueId: role?.RoleId
  }
})
