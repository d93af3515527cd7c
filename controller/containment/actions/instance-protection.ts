/**
 * Keeps the instance and its disks from vanishing: by API, by its own shutdown, by termination.
 *
 * Source: Amazon EC2 User Guide, "Change instance termination protection", "Enable stop protection",
 * "Change the instance initiated shutdown behavior", "Preserve data when an instance is terminated".
 */
import {
  DescribeInstanceAttributeCommand, DescribeInstancesCommand, ModifyInstanceAttributeCommand,
  type EC2Client, type InstanceAttribute, type InstanceAttributeName, type ModifyInstanceAttributeRequest
} from '@aws-sdk/client-ec2'
import type { Action, State } from './action.ts'

function attributeAction (
  Attribute: InstanceAttributeName,
  read: (answer: InstanceAttribute) => boolean | string | undefined,
  change: Partial<ModifyInstanceAttributeRequest>
): Action {
  const observe: Action['observe'] = async ({ clients: { ec2 }, instanceId }) => {
    const answer = await ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute }))
    return { [Attribute]: read(answer) ?? null }
  }
  return {
    observe,
    apply: async (context, planned) => {
      await context.clients.ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: context.instanceId, ...change }))
      return await observe(context, planned)
    }
  }
}

export const protectFromTermination = attributeAction('disableApiTermination',
  ({ DisableApiTermination }) => DisableApiTermination?.Value ?? false, { DisableApiTermination: { Value: true } })

export const protectFromStop = attributeAction('disableApiStop',
  ({ DisableApiStop }) => DisableApiStop?.Value ?? false, { DisableApiStop: { Value: true } })

export const stopOnShutdown = attributeAction('instanceInitiatedShutdownBehavior',
  ({ InstanceInitiatedShutdownBehavior }) => InstanceInitiatedShutdownBehavior?.Value,
  { InstanceInitiatedShutdownBehavior: { Value: 'stop' } })

async function deleteOnTermination (ec2: EC2Client, instanceId: string): Promise<State> {
  const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
  const mappings = answer.Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings ?? []
  return {
    deleteOnTermination: Object.fromEntries(mappings.map(({ DeviceName, Ebs }) => [DeviceName!, Ebs?.DeleteOnTermination ?? false]))
  }
}

export const keepVolumes: Action = {
  observe: async ({ clients: { ec2 }, instanceId }) => await deleteOnTermination(ec2, instanceId),
  apply: async ({ clients: { ec2 }, instanceId }, planned) => {
    const devices = planned.parameters.devices as string[]
    await ec2.send(new ModifyInstanceAttributeCommand({
      InstanceId: instanceId,
      BlockDeviceMappings: devices.map((DeviceName) => ({ DeviceName, Ebs: { DeleteOnTermination: false } }))
    }))
    return await deleteOnTermination(ec2, instanceId)
  }
}
