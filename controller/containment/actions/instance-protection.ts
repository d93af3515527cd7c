/**
 * Keeps the instance and its disks from vanishing: by API, by its own shutdown, by termination.
 *
 * Source: Amazon EC2 User Guide, "Change instance termination protection", "Enable stop protection",
 * "Change the instance initiated shutdown behavior", "Preserve data when an instance is terminated".
 */
import {
  DescribeInstanceAttributeCommand, ModifyInstanceAttributeCommand,
  type EC2Client, type InstanceAttribute, type InstanceAttributeName, type ModifyInstanceAttributeRequest
} from '@aws-sdk/client-ec2'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import type { Action } from './action.ts'
import { livingInstance } from './described-instance.ts'
import { changeAndReadBack } from './read-back.ts'
import { INSTANCE_GONE, leftAlone, takeBack, undone, type Fields } from './take-back.ts'

interface Protection<T> {
  attribute: InstanceAttributeName
  read: (answer: InstanceAttribute) => T | undefined
  change: (value: T) => Partial<ModifyInstanceAttributeRequest>
  value: T
  /** What the instance goes without where EC2 has no such attribute for it. */
  without: string
}

/** State: the attribute's value, null when the instance is gone. */
function protection<T extends boolean | string> ({ attribute, read, change, value, without }: Protection<T>): Action {
  const observe: Action['observe'] = async ({ clients: { ec2 }, instanceId }) => {
    try {
      return { [attribute]: read(await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: attribute }))) ?? null }
    } catch (error) {
      if (isGone(error)) return { [attribute]: null }
      throw error
    }
  }
  const set = async (ec2: EC2Client, instanceId: string, to: T): Promise<void> => {
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: instanceId, ...change(to) }))
  }
  return {
    observe,
    apply: async (context, planned) => {
      try {
        return await changeAndReadBack(
          () => set(context.clients.ec2, context.instanceId, value), () => observe(context, planned), (state) => state[attribute] === value)
      } catch (error) {
        // Spot Instances know neither protection, and only persistent ones a shutdown behaviour.
        if (!/^(UnsupportedOperation|OperationNotPermitted)$/.test(awsCode(error) ?? '')) throw error
        throw new CleanroomError('AWS_ERROR', `EC2 has no ${attribute} for ${context.instanceId} (${(error as Error).message}): ${without}`, { cause: error })
      }
    },
    undo: async (context, planned, { before, after }) => {
      const now = await observe(context, planned)
      if (now[attribute] === null) return undone(before, now, INSTANCE_GONE)
      const { restore, foreign } = takeBack(before, after, now)
      const to = restore[attribute] as T | null | undefined
      if (to === undefined || to === null) return undone(before, now, leftAlone(foreign))
      try {
        await set(context.clients.ec2, context.instanceId, to)
      } catch (error) {
        if (isGone(error) || await livingInstance(context.clients.ec2, context.instanceId) === undefined) return undone(before, now, INSTANCE_GONE)
        throw error
      }
      return undone(before, await observe(context, planned))
    }
  }
}

export const protectFromTermination = protection({
  attribute: 'disableApiTermination',
  read: ({ DisableApiTermination }) => DisableApiTermination?.Value ?? false,
  change: (Value) => ({ DisableApiTermination: { Value } }),
  value: true as boolean,
  without: 'whoever may terminate it still can. Its snapshots are what is safe.'
})

export const protectFromStop = protection({
  attribute: 'disableApiStop',
  read: ({ DisableApiStop }) => DisableApiStop?.Value ?? false,
  change: (Value) => ({ DisableApiStop: { Value } }),
  value: true as boolean,
  without: 'whoever may stop it still can, and memory is lost then. Capture memory soon.'
})

export const stopOnShutdown = protection({
  attribute: 'instanceInitiatedShutdownBehavior',
  read: ({ InstanceInitiatedShutdownBehavior }) => InstanceInitiatedShutdownBehavior?.Value,
  change: (Value) => ({ InstanceInitiatedShutdownBehavior: { Value } }),
  value: 'stop',
  without: 'a shutdown from within may terminate it. Its snapshots are what is safe.'
})

/** Of the planned devices alone, what happens to the volume when the instance is terminated; a detached one is missing. */
async function deletions (ec2: EC2Client, instanceId: string, devices: string[]): Promise<Fields<boolean>> {
  const mappings = (await livingInstance(ec2, instanceId))?.BlockDeviceMappings ?? []
  return Object.fromEntries(mappings
    .filter(({ DeviceName, Ebs }) => Ebs !== undefined && devices.includes(DeviceName!))
    .map(({ DeviceName, Ebs }) => [DeviceName!, Ebs?.DeleteOnTermination ?? false]))
}

async function setDeletions (ec2: EC2Client, InstanceId: string, to: Fields<boolean>): Promise<void> {
  if (Object.keys(to).length === 0) return
  await ec2.send(new ModifyInstanceAttributeCommand({
    InstanceId, BlockDeviceMappings: Object.entries(to).map(([DeviceName, DeleteOnTermination]) => ({ DeviceName, Ebs: { DeleteOnTermination } }))
  }))
}

export const keepVolumes: Action = {
  observe: async ({ clients: { ec2 }, instanceId }, { parameters }) => ({ deleteOnTermination: await deletions(ec2, instanceId, parameters.devices as string[]) }),
  apply: async ({ clients: { ec2 }, instanceId }, { parameters }) => {
    const devices = parameters.devices as string[]
    const read = (): Promise<Fields<boolean>> => deletions(ec2, instanceId, devices)
    const keep = (names: string[]): Promise<Fields<boolean>> => changeAndReadBack(
      () => setDeletions(ec2, instanceId, Object.fromEntries(names.map((device) => [device, false]))), read,
      (state) => Object.values(state).length > 0 && Object.values(state).every((deleted) => !deleted))
    try {
      return { deleteOnTermination: await keep(devices) }
    } catch (error) {
      // One volume that was detached meanwhile makes EC2 refuse the call for all.
      if (awsCode(error) !== 'InvalidInstanceAttributeValue') throw error
      return { deleteOnTermination: await keep(Object.keys(await read())) }
    }
  },
  undo: async ({ clients: { ec2 }, instanceId }, { parameters }, { before, after }) => {
    const devices = parameters.devices as string[]
    const [was, left] = [before.deleteOnTermination, after.deleteOnTermination] as [Fields<boolean>, Fields<boolean>]
    const now = await deletions(ec2, instanceId, devices)
    const detached = Object.keys(was).filter((device) => !(device in now)).sort()
    const { restore, foreign } = takeBack(was, left, now)
    const there = Object.entries(restore).filter((entry): entry is [string, boolean] => entry[1] !== undefined && entry[0] in now)
    await setDeletions(ec2, instanceId, Object.fromEntries(there))
    return undone(before, { deleteOnTermination: there.length > 0 ? await deletions(ec2, instanceId, devices) : now },
      detached.length > 0 ? `No volume is attached at ${detached.join(', ')} any more; one that was detached is kept whatever happens to the instance.` : undefined,
      leftAlone(foreign.filter((device) => device in now)))
  }
}
