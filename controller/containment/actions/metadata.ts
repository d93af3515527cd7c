/**
 * Switches the instance metadata service off, so that nothing on the instance gets credentials from it.
 *
 * Source: Amazon EC2 API Reference, "ModifyInstanceMetadataOptions": what a call does not name stays as it is.
 */
import { ModifyInstanceMetadataOptionsCommand, type EC2Client, type InstanceMetadataOptionsResponse } from '@aws-sdk/client-ec2'
import { isGone } from '../../aws/aws-errors.ts'
import type { Action, State } from './action.ts'
import { livingInstance } from './described-instance.ts'
import { changeAndReadBack } from './read-back.ts'
import { INSTANCE_GONE, leftAlone, takeBack, undone } from './take-back.ts'

/** Fields of the state, each with the parameter that sets it. */
const OPTIONS = {
  httpEndpoint: 'HttpEndpoint',
  httpTokens: 'HttpTokens',
  httpPutResponseHopLimit: 'HttpPutResponseHopLimit',
  httpProtocolIpv6: 'HttpProtocolIpv6',
  instanceMetadataTags: 'InstanceMetadataTags'
} as const satisfies Record<string, keyof InstanceMetadataOptionsResponse>

/** State: the options that EC2 tells; none when the instance is gone. */
async function options (ec2: EC2Client, instanceId: string): Promise<State> {
  const found = (await livingInstance(ec2, instanceId))?.MetadataOptions ?? {}
  return Object.fromEntries(Object.entries(OPTIONS)
    .map(([field, parameter]) => [field, found[parameter]])
    .filter(([, value]) => value !== undefined))
}

export const restrictMetadata: Action = {
  observe: async ({ clients: { ec2 }, instanceId }) => await options(ec2, instanceId),
  apply: async ({ clients: { ec2 }, instanceId }) => await changeAndReadBack(
    () => ec2.send(new ModifyInstanceMetadataOptionsCommand({ InstanceId: instanceId, HttpEndpoint: 'disabled' })),
    () => options(ec2, instanceId),
    ({ httpEndpoint }) => httpEndpoint === 'disabled'),
  undo: async ({ clients: { ec2 }, instanceId }, _planned, { before, after }) => {
    const now = await options(ec2, instanceId)
    if (now.httpEndpoint === undefined) return undone(before, now, INSTANCE_GONE)
    const { restore, foreign } = takeBack(before, after, now)
    const named = Object.entries(restore).flatMap(([field, value]) => value === undefined ? [] : [[OPTIONS[field as keyof typeof OPTIONS], value]])
    if (named.length === 0) return undone(before, now, leftAlone(foreign))
    try {
      await ec2.send(new ModifyInstanceMetadataOptionsCommand({ InstanceId: instanceId, ...Object.fromEntries(named) }))
    } catch (error) {
      if (isGone(error) || await livingInstance(ec2, instanceId) === undefined) return undone(before, {}, INSTANCE_GONE)
      throw error
    }
    return undone(before, await options(ec2, instanceId), leftAlone(foreign))
  }
}
