import {
  AttachRolePolicyCommand, CreateRoleCommand, DeleteRoleCommand, DeleteRolePermissionsBoundaryCommand, DeleteRolePolicyCommand, DetachRolePolicyCommand,
  GetRoleCommand, GetRolePolicyCommand, ListAttachedRolePoliciesCommand, ListInstanceProfilesForRoleCommand, ListRolePoliciesCommand,
  PutRolePermissionsBoundaryCommand, PutRolePolicyCommand, RemoveRoleFromInstanceProfileCommand, TagRoleCommand, UntagRoleCommand,
  UpdateAssumeRolePolicyCommand, UpdateRoleCommand
} from '@aws-sdk/client-iam'
import type { RoleArgs } from '@pulumi/aws/iam/role.js'
import { Type } from 'typebox'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until, whileRefused } from '../engine/wait.ts'
import { BUSY, GONE, iam, pairs, policyText, tagMap } from './client.ts'

interface Inline { name?: string, policy?: string }

async function inlinePolicies (call: AwsCall, RoleName: string): Promise<Inline[]> {
  const { PolicyNames = [] } = await iam(call).send(new ListRolePoliciesCommand({ RoleName }))
  return await Promise.all(PolicyNames.map(async name => {
    const { PolicyDocument } = await iam(call).send(new GetRolePolicyCommand({ RoleName, PolicyName: name }))
    return { name, policy: policyText(PolicyDocument) }
  }))
}

async function attachedPolicies (call: AwsCall, RoleName: string): Promise<string[]> {
  const { AttachedPolicies = [] } = await iam(call).send(new ListAttachedRolePoliciesCommand({ RoleName }))
  return AttachedPolicies.map(({ PolicyArn }) => PolicyArn!)
}

async function setInline (call: AwsCall, RoleName: string, wanted: Inline[]) {
  for (const { name } of await inlinePolicies(call, RoleName)) {
    if (!wanted.some(policy => policy.name === name)) await iam(call).send(new DeleteRolePolicyCommand({ RoleName, PolicyName: name }))
  }
  for (const { name, policy } of wanted) {
    if (name && policy) await iam(call).send(new PutRolePolicyCommand({ RoleName, PolicyName: name, PolicyDocument: policy }))
  }
}

async function setAttached (call: AwsCall, RoleName: string, wanted: string[]) {
  const now = await attachedPolicies(call, RoleName)
  for (const PolicyArn of now.filter(arn => !wanted.includes(arn))) await iam(call).send(new DetachRolePolicyCommand({ RoleName, PolicyArn }))
  for (const PolicyArn of wanted.filter(arn => !now.includes(arn))) await iam(call).send(new AttachRolePolicyCommand({ RoleName, PolicyArn }))
}

export const role = resource<RoleArgs>()({
  global: true,
  inputs: {
    assumeRolePolicy: must.json(),
    description: may.text(),
    forceDetachPolicies: may.flag({ default: false }),
    inlinePolicies: may.set(must.object({ name: may.text(), policy: may.json() }), { computed: true }),
    managedPolicyArns: may.set(Type.String(), { computed: true }),
    maxSessionDuration: may.number({ default: 3600, minimum: 3600, maximum: 43200 }),
    name: may.text({ replaces: true }),
    path: may.text({ default: '/', replaces: true }),
    permissionsBoundary: may.text()
  },
  outputs: ['arn', 'createDate', 'uniqueId'],
  autoname: { property: 'name', maxLength: 64 },
  tagging: {
    set: async (call, id, _state, tags) => { await iam(call).send(new TagRoleCommand({ RoleName: id, Tags: pairs(tags) })) },
    unset: async (call, id, _state, keys) => { await iam(call).send(new UntagRoleCommand({ RoleName: id, TagKeys: keys })) }
  },
  async create (call, inputs) {
    const RoleName = inputs.name!
    // A principal that was just made is not known everywhere at once.
    await whileRefused(error => error instanceof Error && error.message.includes('Invalid principal in policy'), async () =>
      await iam(call).send(new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: inputs.assumeRolePolicy,
        Description: inputs.description,
        MaxSessionDuration: inputs.maxSessionDuration,
        Path: inputs.path,
        PermissionsBoundary: inputs.permissionsBoundary,
        Tags: pairs(call.tags)
      })), { seconds: 120 })
    call.created(RoleName)
    await until('the role to show', async () => await unlessGone(GONE, async () => await iam(call).send(new GetRoleCommand({ RoleName }))), { seconds: 120 })
    await setInline(call, RoleName, inputs.inlinePolicies ?? [])
    await setAttached(call, RoleName, inputs.managedPolicyArns ?? [])
    return RoleName
  },
  async read (call, id) {
    const found = await unlessGone(GONE, async () => await iam(call).send(new GetRoleCommand({ RoleName: id })))
    const role = found?.Role
    if (!role) return undefined
    const [inline, attached] = await Promise.all([inlinePolicies(call, id), attachedPolicies(call, id)])
    return {
      arn: role.Arn,
      assumeRolePolicy: policyText(role.AssumeRolePolicyDocument),
      createDate: role.CreateDate?.toISOString(),
      description: role.Description || undefined,
      inlinePolicies: inline,
      managedPolicyArns: attached,
      maxSessionDuration: role.MaxSessionDuration,
      name: role.RoleName,
      path: role.Path,
      permissionsBoundary: role.PermissionsBoundary?.PermissionsBoundaryArn,
      uniqueId: role.RoleId,
      tags: tagMap(role.Tags)
    }
  },
  async update (call, RoleName, news, _olds, changed) {
    if (changed.has('assumeRolePolicy')) {
      await iam(call).send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: news.assumeRolePolicy }))
    }
    if (changed.has('description') || changed.has('maxSessionDuration')) {
      await iam(call).send(new UpdateRoleCommand({ RoleName, Description: news.description ?? '', MaxSessionDuration: news.maxSessionDuration }))
    }
    if (changed.has('permissionsBoundary')) {
      await (news.permissionsBoundary
        ? iam(call).send(new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary: news.permissionsBoundary }))
        : iam(call).send(new DeleteRolePermissionsBoundaryCommand({ RoleName })))
    }
    if (changed.has('inlinePolicies')) await setInline(call, RoleName, news.inlinePolicies ?? [])
    if (changed.has('managedPolicyArns')) await setAttached(call, RoleName, news.managedPolicyArns ?? [])
  },
  async delete (call, RoleName, state) {
    await unlessGone(GONE, async () => {
      const { InstanceProfiles = [] } = await iam(call).send(new ListInstanceProfilesForRoleCommand({ RoleName }))
      for (const { InstanceProfileName } of InstanceProfiles) {
        await unlessGone(GONE, async () => await iam(call).send(new RemoveRoleFromInstanceProfileCommand({ RoleName, InstanceProfileName })))
      }
      // What others attached stays in the way, as AWS would have it, unless the program says otherwise.
      const owned = (list: unknown): boolean => state.forceDetachPolicies === true || (Array.isArray(list) && list.length > 0)
      if (owned(state.managedPolicyArns)) await setAttached(call, RoleName, [])
      if (owned(state.inlinePolicies)) await setInline(call, RoleName, [])
      await whileRefused(BUSY, async () => await iam(call).send(new DeleteRoleCommand({ RoleName })), { seconds: 60 })
    })
  }
})
