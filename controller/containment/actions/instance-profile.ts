/**
 * Takes the instance profile away, so that the instance gets no new credentials, and gives it back at release.
 *
 * Credentials that it handed out already stay good until they end or are revoked (role-sessions.ts).
 *
 * Source: Amazon EC2 API Reference, "DisassociateIamInstanceProfile", "AssociateIamInstanceProfile"; Amazon EC2
 * User Guide, "Attach an IAM role to an instance".
 */
import {
  AssociateIamInstanceProfileCommand, DescribeIamInstanceProfileAssociationsCommand, DisassociateIamInstanceProfileCommand,
  type IamInstanceProfileAssociation
} from '@aws-sdk/client-ec2'
import { GetInstanceProfileCommand } from '@aws-sdk/client-iam'
import { isGone } from '../../aws/aws-errors.ts'
import type { Action, ActionContext, State } from './action.ts'
import { livingInstance } from './described-instance.ts'
import { INSTANCE_GONE, undone } from './take-back.ts'

async function association ({ clients: { ec2 }, instanceId }: ActionContext): Promise<IamInstanceProfileAssociation | undefined> {
  const answer = await ec2.send(new DescribeIamInstanceProfileAssociationsCommand({
    Filters: [{ Name: 'instance-id', Values: [instanceId] }, { Name: 'state', Values: ['associating', 'associated'] }]
  }))
  return answer.IamInstanceProfileAssociations?.[0]
}

/** State: the profile's ARN and its unique id (AIPA…), which a profile made again under the same name does not have. */
async function profile (context: ActionContext): Promise<State> {
  const found = (await association(context))?.IamInstanceProfile
  return { instanceProfileArn: found?.Arn ?? null, instanceProfileId: found?.Id ?? null }
}

/** The unique id of the profile that has this ARN today, or undefined when there is none. */
async function idOf ({ clients: { iam } }: ActionContext, arn: string): Promise<string | undefined> {
  try {
    const answer = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: arn.slice(arn.lastIndexOf('/') + 1) }))
    return answer.InstanceProfile?.InstanceProfileId
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

export const removeInstanceProfile: Action = {
  observe: profile,
  apply: async (context) => {
    const found = await association(context)
    if (found) {
      try {
        await context.clients.ec2.send(new DisassociateIamInstanceProfileCommand({ AssociationId: found.AssociationId! }))
      } catch (error) {
        // Somebody was faster: it is gone, or another stands there, which the state read back shows.
        if (!isGone(error)) throw error
      }
    }
    return await profile(context)
  },
  undo: async (context, _planned, { before }) => {
    const { clients: { ec2 }, instanceId } = context
    const now = await profile(context)
    const arn = before.instanceProfileArn as string | null
    if (arn === null || now.instanceProfileArn === arn) return undone(before, now)
    if (now.instanceProfileArn !== null) return undone(before, now, `Somebody gave the instance ${String(now.instanceProfileArn)}; it was left alone.`)
    if (await livingInstance(ec2, instanceId) === undefined) return undone(before, now, INSTANCE_GONE)
    const today = await idOf(context, arn)
    if (today === undefined) return undone(before, now, `The instance profile ${arn} was deleted. Give the instance another one if it needs one.`)
    if (before.instanceProfileId !== null && today !== before.instanceProfileId) {
      return undone(before, now, `The instance profile ${arn} was deleted and made again, maybe with other powers. Check it before you give it to the instance.`)
    }
    await ec2.send(new AssociateIamInstanceProfileCommand({ InstanceId: instanceId, IamInstanceProfile: { Arn: arn } }))
    return undone(before, await profile(context))
  }
}
