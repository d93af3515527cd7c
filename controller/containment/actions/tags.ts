/**
 * Says on the instance itself that it is quarantined, by which incident and under which ticket.
 *
 * Release takes it away last: the permission to give an instance profile back holds only while the tag stands.
 */
import { isDeepStrictEqual } from 'node:util'
import { CreateTagsCommand, DeleteTagsCommand, DescribeTagsCommand } from '@aws-sdk/client-ec2'
import { TAG } from '../../incident/tags.ts'
import type { Action, ActionContext } from './action.ts'
import { livingInstance } from './described-instance.ts'
import { changeAndReadBack } from './read-back.ts'
import { INSTANCE_GONE, leftAlone, takeBack, undone, type Fields } from './take-back.ts'

const OURS: readonly string[] = [TAG.status, TAG.ticket, TAG.incident]

async function tags ({ clients: { ec2 }, instanceId }: ActionContext): Promise<Fields<string>> {
  const answer = await ec2.send(new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [instanceId] }] }))
  return Object.fromEntries((answer.Tags ?? []).filter(({ Key }) => OURS.includes(Key!)).map(({ Key, Value }) => [Key!, Value ?? '']))
}

export const tagQuarantined: Action = {
  observe: async (context) => ({ tags: await tags(context) }),
  apply: async (context) => {
    const wanted: Fields<string> = { [TAG.status]: 'quarantined', [TAG.ticket]: context.ticket, [TAG.incident]: context.incidentId }
    const tag = (): Promise<unknown> => context.clients.ec2.send(new CreateTagsCommand({
      Resources: [context.instanceId], Tags: Object.entries(wanted).map(([Key, Value]) => ({ Key, Value }))
    }))
    return { tags: await changeAndReadBack(tag, () => tags(context), (now) => isDeepStrictEqual(now, wanted)) }
  },
  undo: async (context, _planned, { before, after }) => {
    const { clients: { ec2 }, instanceId } = context
    const now = await tags(context)
    const { restore, foreign } = takeBack(before.tags as Fields<string>, after.tags as Fields<string>, now)
    const Resources = [instanceId]
    const fields = Object.entries(restore)
    if (fields.length > 0 || foreign.length > 0) {
      if (await livingInstance(ec2, instanceId) === undefined) return undone(before, { tags: now }, INSTANCE_GONE)
    }
    const previous = fields.flatMap(([Key, Value]) => Value === undefined ? [] : [{ Key, Value }])
    if (previous.length > 0) await ec2.send(new CreateTagsCommand({ Resources, Tags: previous }))
    // With its value: EC2 deletes the tag only if it still has it (EC2 API Reference, "DeleteTags").
    const added = fields.flatMap(([Key, Value]) => Value === undefined ? [{ Key, Value: now[Key] }] : [])
    if (added.length > 0) await ec2.send(new DeleteTagsCommand({ Resources, Tags: added }))
    return undone(before, { tags: fields.length > 0 ? await tags(context) : now }, leftAlone(foreign))
  }
}
