import {
  AddRoleToInstanceProfileCommand, CreateInstanceProfileCommand, DeleteInstanceProfileCommand, GetInstanceProfileCommand,
  RemoveRoleFromInstanceProfileCommand, TagInstanceProfileCommand, UntagInstanceProfileCommand
} from '@aws-sdk/client-iam'
import type { InstanceProfileArgs } from '@pulumi/aws/iam/instanceProfile.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'
import { GONE, iam, pairs, tagMap } from './client.ts'

async function removeRole (call: AwsCall, InstanceProfileName: string, RoleName: string) {
  await unlessGone(GONE, async () => await iam(call).send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName })))
}

export const instanceProfile = resource<InstanceProfileArgs>()({
  global: true,
  inputs: {
    name: may.text({ replaces: true }),
    path: may.text({ default: '/', replaces: true }),
    role: may.text()
  },
  outputs: ['arn', 'createDate', 'uniqueId'],
  autoname: { property: 'name', maxLength: 128 },
  tagging: {
    set: async (call, id, _state, tags) => { await iam(call).send(new TagInstanceProfileCommand({ InstanceProfileName: id, Tags: pairs(tags) })) },
    unset: async (call, id, _state, keys) => { await iam(call).send(new UntagInstanceProfileCommand({ InstanceProfileName: id, TagKeys: keys })) }
  },
  async create (call, { name, path, role }) {
    await iam(call).send(new CreateInstanceProfileCommand({ InstanceProfileName: name, Path: path, Tags: pairs(call.tags) }))
    call.created(name!)
    if (role) await iam(call).send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: role }))
    return name!
  },
  async read (call, id) {
    const found = await unlessGone(GONE, async () => await iam(call).send(new GetInstanceProfileCommand({ InstanceProfileName: id })))
    const profile = found?.InstanceProfile
    return profile && {
      arn: profile.Arn,
      createDate: profile.CreateDate?.toISOString(),
      name: profile.InstanceProfileName,
      path: profile.Path,
      role: profile.Roles?.[0]?.RoleName,
      uniqueId: profile.InstanceProfileId,
      tags: tagMap(profile.Tags)
    }
  },
  async update (call, id, { role }, olds) {
    if (olds.role) await removeRole(call, id, olds.role)
    if (role) await iam(call).send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: id, RoleName: role }))
  },
  async delete (call, id, { role }) {
    if (role) await removeRole(call, id, role)
    await unlessGone(GONE, async () => await iam(call).send(new DeleteInstanceProfileCommand({ InstanceProfileName: id })))
  }
})
