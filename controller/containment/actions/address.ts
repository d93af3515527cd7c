/**
 * Takes an Elastic IP off the instance; the address stays allocated, so that it can come back.
 *
 * Source: Amazon EC2 API Reference, "DisassociateAddress", "AssociateAddress". Every association has an id of its own:
 * one that somebody made since is not taken for the planned one, unless it is with the same interface.
 */
import { AssociateAddressCommand, DescribeAddressesCommand, DisassociateAddressCommand, type Address, type EC2Client } from '@aws-sdk/client-ec2'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, State } from './action.ts'
import { changeAndReadBack } from './read-back.ts'

/** Undefined once it is released. */
async function addressOf (ec2: EC2Client, allocationId: string): Promise<Address | undefined> {
  try {
    return (await ec2.send(new DescribeAddressesCommand({ AllocationIds: [allocationId] }))).Addresses?.[0]
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function stateOf (address: Address | undefined): State {
  if (address === undefined) return { associated: false, released: true }
  const { AssociationId, NetworkInterfaceId, PrivateIpAddress } = address
  if (AssociationId === undefined) return { associated: false }
  return {
    associated: true,
    ...NetworkInterfaceId !== undefined && { interfaceId: NetworkInterfaceId },
    ...PrivateIpAddress !== undefined && { privateAddress: PrivateIpAddress }
  }
}

/** What is gone is disassociated. */
async function disassociate (ec2: EC2Client, AssociationId: string): Promise<void> {
  await ec2.send(new DisassociateAddressCommand({ AssociationId })).catch((error: unknown) => { if (!isGone(error)) throw error })
}

function isOn (address: Address | undefined, { parameters }: PlannedAction): address is Address & { AssociationId: string } {
  return address?.AssociationId !== undefined && address.NetworkInterfaceId === parameters.interfaceId
}

/** EC2's refusals that mean: there is no such place to give the address back to. */
const NO_PLACE = /^(InvalidNetworkInterfaceID\.NotFound|InvalidParameterValue|InvalidPrivateIpAddress\.NotFound|InvalidAddress\.NotFound)$/

function name ({ resource, parameters }: PlannedAction): string {
  return typeof parameters.publicIp === 'string' ? `${parameters.publicIp} (${resource})` : resource
}

export const disassociateAddress: Action = {
  observe: async ({ clients: { ec2 } }, { resource }) => stateOf(await addressOf(ec2, resource)),
  apply: async ({ clients: { ec2 } }, planned) => {
    const { resource, parameters: { associationId } } = planned
    const takeOff = (id: string): Promise<Address | undefined> =>
      changeAndReadBack(() => disassociate(ec2, id), () => addressOf(ec2, resource), (address) => !isOn(address, planned))
    const address = typeof associationId === 'string' ? await takeOff(associationId) : await addressOf(ec2, resource)
    return stateOf(isOn(address, planned) ? await takeOff(address.AssociationId) : address)
  },
  undo: async ({ clients: { ec2 } }, planned, { before }) => {
    const now = stateOf(await addressOf(ec2, planned.resource))
    const { interfaceId, privateAddress } = before as { interfaceId?: string, privateAddress?: string }
    const same = (state: State): boolean =>
      state.associated === before.associated && state.interfaceId === interfaceId && state.privateAddress === privateAddress
    if (same(now)) return { now, restored: true }
    if (now.released === true) return { now, restored: false, note: `${name(planned)} was released; allocate another and associate it with ${String(interfaceId)}.` }
    if (now.associated === true) {
      return { now, restored: false, note: `Somebody associated ${name(planned)} with ${String(now.interfaceId)} since; it was left there.` }
    }
    if (interfaceId === undefined) return { now, restored: false, note: `${name(planned)} was associated with nothing that could be named; associate it by hand.` }
    try {
      await ec2.send(new AssociateAddressCommand({
        AllocationId: planned.resource,
        NetworkInterfaceId: interfaceId,
        ...privateAddress !== undefined && { PrivateIpAddress: privateAddress },
        AllowReassociation: false
      }))
    } catch (error) {
      const code = awsCode(error) ?? ''
      const note = NO_PLACE.test(code)
        ? `${interfaceId} with ${privateAddress ?? 'its address'} is gone; associate ${name(planned)} with what took its place.`
        : code === 'Resource.AlreadyAssociated' ? `${interfaceId} or ${name(planned)} got another association since; it was left as it is.` : undefined
      if (note === undefined) throw error
      const found = stateOf(await addressOf(ec2, planned.resource))
      return same(found) ? { now: found, restored: true } : { now: found, restored: false, note }
    }
    const back = stateOf(await addressOf(ec2, planned.resource))
    return { now: back, restored: same(back) }
  }
}
