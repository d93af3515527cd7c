/**
 * Gives a subnet a network ACL that denies everything, which also cuts connections that security groups still track.
 *
 * Amazon VPC User Guide, "Network ACL basics": a network ACL keeps no state, a custom one without entries denies all
 * traffic of both directions, and a subnet has exactly one. So the former one is replaced, never changed, and comes
 * back by another replacement; each gives the association a new id.
 *
 * There is one such ACL for each subnet of an incident, however many of its targets are in the subnet. Its name says
 * which one it stands for, so that the release of any target can give that back; the first to be released does.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  CreateNetworkAclCommand, DeleteNetworkAclCommand, DeleteNetworkAclEntryCommand, DescribeNetworkAclsCommand, ReplaceNetworkAclAssociationCommand,
  type EC2Client, type Filter, type NetworkAcl
} from '@aws-sdk/client-ec2'
import { awsCode, isGone, onceKnown } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import { incidentTags, TAG } from '../../incident/tags.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, State, Undone } from './action.ts'

/** Entries from here on are the ones at the end of every ACL that deny the rest, for IPv4 and IPv6; they can't be deleted. */
const FIRST_FIXED_ENTRY = 32767

/** What the names of ours begin with; the id of the network ACL that the subnet had follows. */
function namePrefix ({ incidentId }: ActionContext, subnetId: string): string {
  return `cleanroom-isolation-${incidentId}-${subnetId}-instead-of-`
}

async function acls (ec2: EC2Client, filters: Record<string, string>): Promise<NetworkAcl[]> {
  const Filters: Filter[] = Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value] }))
  return (await ec2.send(new DescribeNetworkAclsCommand({ Filters }))).NetworkAcls ?? []
}

interface Association { associationId: string, acl: NetworkAcl }

/** Undefined when the subnet does not exist any more: every other has an ACL. */
async function associationOf (ec2: EC2Client, subnetId: string): Promise<Association | undefined> {
  const [acl] = await acls(ec2, { 'association.subnet-id': subnetId })
  const associationId = acl?.Associations?.find(({ SubnetId }) => SubnetId === subnetId)?.NetworkAclAssociationId
  return acl !== undefined && associationId !== undefined ? { associationId, acl } : undefined
}

function tagsOf ({ Tags = [] }: NetworkAcl): Map<string | undefined, string | undefined> {
  return new Map(Tags.map(({ Key, Value }) => [Key, Value]))
}

/** The id of the network ACL that one of ours stands for; undefined of an ACL that containment did not make for the subnet and incident, for whichever target. */
function formerOf (context: ActionContext, subnetId: string, acl: NetworkAcl): string | undefined {
  const [tags, prefix] = [tagsOf(acl), namePrefix(context, subnetId)]
  const name = tags.get('Name') ?? ''
  const ours = tags.get(TAG.incident) === context.incidentId && tags.get(TAG.purpose) === 'isolation' && name.startsWith(prefix)
  return ours ? name.slice(prefix.length) : undefined
}

/** More than one where two targets were contained at the same moment; only one of them is the subnet's. */
async function findOurs (context: ActionContext, subnetId: string): Promise<NetworkAcl[]> {
  const found = await acls(context.clients.ec2, { [`tag:${TAG.incident}`]: context.incidentId, [`tag:${TAG.purpose}`]: 'isolation' })
  return found.filter((acl) => formerOf(context, subnetId, acl) !== undefined)
}

function openings ({ Entries = [] }: NetworkAcl): Array<{ RuleNumber: number, Egress: boolean }> {
  return Entries
    .filter(({ RuleNumber }) => RuleNumber! < FIRST_FIXED_ENTRY)
    .map(({ RuleNumber, Egress }) => ({ RuleNumber: RuleNumber!, Egress: Egress! }))
}

function stateOf (context: ActionContext, subnetId: string, association: Association | undefined): State {
  if (association === undefined) return { networkAclId: null }
  const { acl } = association
  const former = formerOf(context, subnetId, acl)
  if (former === undefined) return { networkAclId: acl.NetworkAclId! }
  return { networkAclId: acl.NetworkAclId!, ...openings(acl).length === 0 && { denyAll: true }, formerNetworkAclId: former }
}

async function make (context: ActionContext, vpcId: string, subnetId: string, former: string): Promise<string> {
  const Tags = incidentTags(context.incidentId, 'isolation', { Name: `${namePrefix(context, subnetId)}${former}` })
  const made = await context.clients.ec2.send(new CreateNetworkAclCommand({ VpcId: vpcId, TagSpecifications: [{ ResourceType: 'network-acl', Tags }] }))
  return made.NetworkAcl!.NetworkAclId!
}

async function empty (ec2: EC2Client, acl: NetworkAcl): Promise<void> {
  for (const entry of openings(acl)) {
    await ec2.send(new DeleteNetworkAclEntryCommand({ NetworkAclId: acl.NetworkAclId!, ...entry })).catch((error: unknown) => {
      if (!isGone(error)) throw error
    })
  }
}

/** An ACL of ours without entries that stands for the former one, made now or by an attempt that was cut off. */
async function ready (context: ActionContext, { resource, parameters }: PlannedAction, former: string): Promise<string> {
  const found = (await findOurs(context, resource)).find((acl) => formerOf(context, resource, acl) === former)
  if (found === undefined) return await make(context, parameters.vpcId as string, resource, former)
  await empty(context.clients.ec2, found)
  return found.NetworkAclId!
}

/** Deletes ours; what still keeps it, in words. */
async function remove (context: ActionContext, subnetId: string): Promise<string | undefined> {
  const kept: string[] = []
  for (const { NetworkAclId } of await findOurs(context, subnetId)) {
    try {
      await context.clients.ec2.send(new DeleteNetworkAclCommand({ NetworkAclId: NetworkAclId! }))
    } catch (error) {
      if (isGone(error)) continue
      if (awsCode(error) !== 'DependencyViolation') throw error
      kept.push(NetworkAclId!)
    }
  }
  return kept.length > 0 ? `${kept.join(', ')} is still in use; delete it when no subnet has it any more.` : undefined
}

const observe: Action['observe'] = async (context, { resource }) => stateOf(context, resource, await associationOf(context.clients.ec2, resource))

export const isolateSubnet: Action = {
  observe,
  apply: async (context, planned) => {
    const { clients: { ec2 } } = context
    const { resource: subnetId, parameters } = planned
    const association = await associationOf(ec2, subnetId)
    if (association === undefined) {
      await remove(context, subnetId)
    } else if (formerOf(context, subnetId, association.acl) !== undefined) {
      await empty(ec2, association.acl)
    } else {
      const former = association.acl.NetworkAclId!
      if (former !== parameters.networkAclId) {
        throw new CleanroomError('CHANGED_MEANWHILE', `${subnetId} has the network ACL ${former} now, not ${String(parameters.networkAclId)}; it was left there.`)
      }
      await replace(ec2, association, await ready(context, planned, former))
    }
    return await observe(context, planned)
  },
  undo: async (context, planned, { before, after }) => {
    const { clients: { ec2 } } = context
    const subnetId = planned.resource
    const association = await associationOf(ec2, subnetId)
    const found = stateOf(context, subnetId, association)
    // Another target of the incident had isolated the subnet: its release gives the former one back.
    if (before.denyAll === true && isDeepStrictEqual(found, before)) return { now: found, restored: true }
    const originals: unknown[] = [after.formerNetworkAclId, before.networkAclId]
    const finish = async (...notes: Array<string | undefined>): Promise<Undone> => {
      const said = [...notes, await remove(context, subnetId)].filter((note) => note !== undefined)
      const now = await observe(context, planned)
      return { now, restored: association !== undefined && originals.includes(now.networkAclId), ...said.length > 0 && { note: said.join(' ') } }
    }
    if (association === undefined) return await finish(`${subnetId} is gone; there is nothing left to give its network ACL back to.`)
    const { acl } = association
    const former = formerOf(context, subnetId, acl)
    if (former === undefined) {
      return await finish(originals.includes(acl.NetworkAclId) ? undefined : `Somebody gave ${subnetId} the network ACL ${acl.NetworkAclId!} since; it was left there.`)
    }
    originals.push(former)
    // Any other, also the VPC's default, may let more pass than the one that is gone.
    if (!(await acls(ec2, { 'vpc-id': acl.VpcId! })).some(({ NetworkAclId }) => NetworkAclId === former)) {
      return {
        now: found,
        restored: false,
        note: `${former} is gone; ${subnetId} keeps ${acl.NetworkAclId!}, which lets nothing pass. Give the subnet the network ACL that it should have, then delete ${acl.NetworkAclId!}.`
      }
    }
    await replace(ec2, association, former)
    return await finish()
  }
}

/** @throws CleanroomError AWS_BUSY when EC2 does not know the ACL yet, or the association was replaced meanwhile: the next attempt reads anew */
async function replace (ec2: EC2Client, { associationId }: Association, networkAclId: string): Promise<void> {
  try {
    await onceKnown(networkAclId, ec2.send(new ReplaceNetworkAclAssociationCommand({ AssociationId: associationId, NetworkAclId: networkAclId })))
  } catch (error) {
    if (awsCode(error) !== 'InvalidAssociationID.NotFound') throw error
    throw new CleanroomError('AWS_BUSY', `${associationId} was replaced meanwhile.`, { cause: error })
  }
}
