import {
  AttachRolePolicyCommand, CreatePolicyCommand, CreatePolicyVersionCommand, DeletePolicyCommand, DeletePolicyVersionCommand, DeleteRolePolicyCommand,
  DetachRolePolicyCommand, GetPolicyCommand, GetPolicyVersionCommand, GetRolePolicyCommand, ListAttachedRolePoliciesCommand, ListPolicyVersionsCommand,
  PutRolePolicyCommand, TagPolicyCommand, UntagPolicyCommand
} from '@aws-sdk/client-iam'
import type { PolicyArgs } from '@pulumi/aws/iam/policy.js'
import type { RolePolicyArgs } from '@pulumi/aws/iam/rolePolicy.js'
import type { RolePolicyAttachmentArgs } from '@pulumi/aws/iam/rolePolicyAttachment.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, whileRefused } from '../engine/wait.ts'
import { BUSY, GONE, iam, pairs, policyText, tagMap } from './client.ts'

/** AWS keeps at most five versions of a policy. */
const MAX_VERSIONS = 5

async function versions (call: AwsCall, PolicyArn: string) {
  const { Versions = [] } = await iam(call).send(new ListPolicyVersionsCommand({ PolicyArn }))
  return Versions
}

export const policy = resource<PolicyArgs>()({
  global: true,
  inputs: {
    delayAfterPolicyCreationInMs: may.number(),
    description: may.text({ replaces: true }),
    name: may.text({ replaces: true }),
    path: may.text({ default: '/', replaces: true }),
    policy: must.json()
  },
  outputs: ['arn', 'attachmentCount', 'policyId'],
  autoname: { property: 'name', maxLength: 128 },
  tagging: {
    set: async (call, id, _state, tags) => { await iam(call).send(new TagPolicyCommand({ PolicyArn: id, Tags: pairs(tags) })) },
    unset: async (call, id, _state, keys) => { await iam(call).send(new UntagPolicyCommand({ PolicyArn: id, TagKeys: keys })) }
  },
  async create (call, inputs) {
    const { Policy } = await iam(call).send(new CreatePolicyCommand({
      PolicyName: inputs.name, PolicyDocument: inputs.policy, Description: inputs.description, Path: inputs.path, Tags: pairs(call.tags)
    }))
    return Policy!.Arn!
  },
  async read (call, id) {
    const found = await unlessGone(GONE, async () => await iam(call).send(new GetPolicyCommand({ PolicyArn: id })))
    const policy = found?.Policy
    if (!policy) return undefined
    const { PolicyVersion } = await iam(call).send(new GetPolicyVersionCommand({ PolicyArn: id, VersionId: policy.DefaultVersionId }))
    return {
      arn: policy.Arn,
      attachmentCount: policy.AttachmentCount ?? 0,
      description: policy.Description || undefined,
      name: policy.PolicyName,
      path: policy.Path,
      policy: policyText(PolicyVersion?.Document),
      policyId: policy.PolicyId,
      tags: tagMap(policy.Tags)
    }
  },
  async update (call, PolicyArn, news, _olds, changed) {
    if (!changed.has('policy')) return
    const existing = await versions(call, PolicyArn)
    if (existing.length >= MAX_VERSIONS) {
      const [oldest] = existing.filter(({ IsDefaultVersion }) => !IsDefaultVersion)
        .sort((a, b) => Number(a.VersionId!.slice(1)) - Number(b.VersionId!.slice(1)))
      await iam(call).send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: oldest!.VersionId }))
    }
    await iam(call).send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: news.policy, SetAsDefault: true }))
  },
  async delete (call, PolicyArn) {
    await unlessGone(GONE, async () => {
      for (const { IsDefaultVersion, VersionId } of await versions(call, PolicyArn)) {
        if (!IsDefaultVersion) await iam(call).send(new DeletePolicyVersionCommand({ PolicyArn, VersionId }))
      }
      await whileRefused(BUSY, async () => await iam(call).send(new DeletePolicyCommand({ PolicyArn })), { seconds: 60 })
    })
  }
})

export const rolePolicy = resource<RolePolicyArgs>()({
  global: true,
  inputs: { name: may.text({ replaces: true }), policy: must.json(), role: must.text({ replaces: true }) },
  outputs: [],
  autoname: { property: 'name', maxLength: 128 },
  async create (call, { name, policy, role }) {
    await iam(call).send(new PutRolePolicyCommand({ RoleName: role, PolicyName: name, PolicyDocument: policy }))
    return `${role}:${name}`
  },
  async read (call, id) {
    const [RoleName, PolicyName] = [id.slice(0, id.indexOf(':')), id.slice(id.indexOf(':') + 1)]
    const found = await unlessGone(GONE, async () => await iam(call).send(new GetRolePolicyCommand({ RoleName, PolicyName })))
    return found && { name: PolicyName, role: RoleName, policy: policyText(found.PolicyDocument) }
  },
  async update (call, _id, { name, policy, role }) {
    await iam(call).send(new PutRolePolicyCommand({ RoleName: role, PolicyName: name, PolicyDocument: policy }))
  },
  async delete (call, _id, { name, role }) {
    await unlessGone(GONE, async () => await whileRefused(BUSY, async () =>
      await iam(call).send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName: name })), { seconds: 60 }))
  }
})

export const rolePolicyAttachment = resource<RolePolicyAttachmentArgs>()({
  global: true,
  inputs: { policyArn: must.text({ replaces: true }), role: must.text({ replaces: true }) },
  outputs: [],
  async create (call, { policyArn, role }) {
    await whileRefused(BUSY, async () => await iam(call).send(new AttachRolePolicyCommand({ RoleName: role, PolicyArn: policyArn })), { seconds: 60 })
    return `${role}/${policyArn}`
  },
  async read (call, id, known) {
    // An import names it as ROLE/ARN.
    const [role, policyArn] = [known.role ?? id.slice(0, id.indexOf('/')), known.policyArn ?? id.slice(id.indexOf('/') + 1)]
    const found = await unlessGone(GONE, async () => await iam(call).send(new ListAttachedRolePoliciesCommand({ RoleName: role })))
    return found?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === policyArn) ? { role, policyArn } : undefined
  },
  async delete (call, _id, { policyArn, role }) {
    await unlessGone(GONE, async () => await whileRefused(BUSY, async () =>
      await iam(call).send(new DetachRolePolicyCommand({ RoleName: role, PolicyArn: policyArn })), { seconds: 60 }))
  }
})
