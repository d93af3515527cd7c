import { CreateAliasCommand, DeleteAliasCommand, UpdateAliasCommand, paginateListAliases } from '@aws-sdk/client-kms'
import type { AliasArgs } from '@pulumi/aws/kms/alias.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'
import { GONE, kms } from './client.ts'

/** AWS has no call for one alias. */
export async function findAlias (call: AwsCall, name: string) {
  for await (const { Aliases = [] } of paginateListAliases({ client: kms(call) }, {})) {
    const found = Aliases.find(({ AliasName }) => AliasName === name)
    if (found) return found
  }
  return undefined
}

/** A key may be named by its ARN or its id. */
const keyId = (key: string | undefined) => key?.slice(key.lastIndexOf('/') + 1)

export const alias = resource<AliasArgs>()({
  inputs: { name: may.text({ replaces: true, pattern: '^alias/' }), targetKeyId: must.text() },
  outputs: ['arn', 'targetKeyArn'],
  autoname: { property: 'name', maxLength: 256, prefix: 'alias/' },
  async create (call, { name, targetKeyId }) {
    await kms(call).send(new CreateAliasCommand({ AliasName: name, TargetKeyId: targetKeyId }))
    return name!
  },
  async read (call, id, known) {
    const found = await findAlias(call, id)
    return found && {
      arn: found.AliasArn,
      name: id,
      targetKeyArn: `arn:${call.partition}:kms:${call.region}:${call.accountId}:key/${found.TargetKeyId}`,
      targetKeyId: keyId(known.targetKeyId) === found.TargetKeyId ? known.targetKeyId : found.TargetKeyId
    }
  },
  async update (call, id, { targetKeyId }) {
    await kms(call).send(new UpdateAliasCommand({ AliasName: id, TargetKeyId: targetKeyId }))
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await kms(call).send(new DeleteAliasCommand({ AliasName: id })))
  }
})
