/**
 * Deactivates an access key that was found on the instance, and activates it again at release.
 *
 * AWS has no look-up of a key's state by its id: first whose it is, then that user's keys.
 *
 * Source: IAM API Reference, "GetAccessKeyLastUsed", "ListAccessKeys", "UpdateAccessKey".
 */
import { GetAccessKeyLastUsedCommand, ListAccessKeysCommand, UpdateAccessKeyCommand, type IAMClient, type StatusType } from '@aws-sdk/client-iam'
import { isGone } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext } from './action.ts'
import { undone } from './take-back.ts'

interface Key { userName: string, status: StatusType }

/** @throws CleanroomError AWS_ERROR for a key that no user of the account has, AWS's own for the rest */
async function ownerOf (iam: IAMClient, AccessKeyId: string): Promise<string> {
  const { UserName } = await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId }))
  if (UserName === undefined || UserName === '') {
    throw new CleanroomError('AWS_ERROR', `No IAM user has the access key ${AccessKeyId}. If it is the account's root key, deactivate it as root; else ask the account that owns it.`)
  }
  return UserName
}

/** Undefined once the key or its user is deleted. */
async function find ({ clients: { iam } }: ActionContext, { resource, parameters }: PlannedAction): Promise<Key | undefined> {
  try {
    const userName = parameters.userName as string | undefined ?? await ownerOf(iam, resource)
    const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName: userName }))
    const status = AccessKeyMetadata.find(({ AccessKeyId }) => AccessKeyId === resource)?.Status
    return status && { userName, status }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

async function set ({ clients: { iam } }: ActionContext, AccessKeyId: string, UserName: string, Status: StatusType): Promise<void> {
  try {
    await iam.send(new UpdateAccessKeyCommand({ AccessKeyId, UserName, Status }))
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

/** State: Active or Inactive, null once the key is deleted. */
export const deactivateAccessKey: Action = {
  observe: async (context, planned) => ({ status: (await find(context, planned))?.status ?? null }),
  apply: async (context, planned) => {
    const key = await find(context, planned)
    if (!key || key.status === 'Inactive') return { status: key?.status ?? null }
    await set(context, planned.resource, key.userName, 'Inactive')
    return { status: (await find(context, planned))?.status ?? null }
  },
  undo: async (context, planned, { before, after }) => {
    const key = await find(context, planned)
    const deleted = 'The access key was deleted; its user needs a new one.'
    if (!key) return undone(before, { status: null }, before.status === null ? undefined : deleted)
    // Only a key that was good before, and that this action made useless, is made good again.
    if (before.status !== 'Active' || after.status !== 'Inactive' || key.status === 'Active') return undone(before, { status: key.status })
    await set(context, planned.resource, key.userName, 'Active')
    const now = { status: (await find(context, planned))?.status ?? null }
    return undone(before, now, now.status === null ? deleted : undefined)
  }
}
