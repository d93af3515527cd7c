/**
 * Says on the instance itself that it is quarantined, by which incident and under which ticket.
 */
import { CreateTagsCommand, DescribeTagsCommand } from '@aws-sdk/client-ec2'
import { TAG } from '../../incident/tags.ts'
import type { Action, ActionContext, State } from './action.ts'

const OURS: readonly string[] = [TAG.status, TAG.ticket, TAG.incident]

async function tags ({ clients: { ec2 }, instanceId }: ActionContext): Promise<State> {
  const answer = await ec2.send(new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [instanceId] }] }))
  return { tags: Object.fromEntries((answer.Tags ?? []).filter(({ Key }) => OURS.includes(Key!)).map(({ Key, Value }) => [Key!, Value!])) }
}

export const tagQuarantined: Action = {
  observe: tags,
  apply: async (context) => {
    await context.clients.ec2.send(new CreateTagsCommand({
      Resources: [context.instanceId],
      Tags: [
        { Key: TAG.status, Value: 'quarantined' },
        { Key: TAG.ticket, Value: context.ticket },
        { Key: TAG.incident, Value: context.incidentId }
      ]
    }))
    return await tags(context)
  }
}
