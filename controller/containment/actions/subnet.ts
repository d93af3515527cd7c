/**
 * Gives a subnet a network ACL that denies everything, which also cuts connections that security groups still track.
 *
 * Amazon VPC User Guide, "Network ACL basics": a network ACL keeps no state, a custom one without entries denies all
 * traffic of both directions, and a subnet has exactly one. So the former one is replaced, never changed, and comes
 * back by another replacement; each gives the association a new id.
 */
import {
  CreateNetworkAclCommand, DeleteNetworkAclCommand, DeleteNetworkAclEntryCommand, DescribeNetworkAclsCommand, ReplaceNetworkAclAssociationCommand,
  type EC2Client, type Filter, type NetworkAcl
} from '@aws-sdk/client-ec2'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import { incidentTags, TAG } from '../../incident/tags.ts'
import type { PlannedAction } from '../plan.ts'
import type { Action, ActionContext, State, Undone } from './action.ts'

/** Entries from here on are the ones at the end of every ACL that deny the rest, for IPv4 and IPv6; they can't be deleted. */
const FIRST_FIXED_ENTRY = 32767

function aclName ({ incidentId, instanceId }: ActionContext, subnetId: string): string {
  return `cleanroom-isolation-${incidentId}-${instanceId}-${subnetId}`
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

function isOurs (context: ActionContext, subnetId: string, { Tags = [] }: NetworkAcl): boolean {
  const tags = new Map(Tags.map(({ Key, Value }) => [Key, Value]))
  return tags.get(TAG.incident) === context.incidentId && tags.get('Name') === aclName(context, subnetId)
}

async function findOurs (context: ActionContext, subnetId: string): Promise<NetworkAcl | undefined> {
  return (await acls(context.clients.ec2, {
    [`tag:${TAG.incident}`]: context.incidentId, [`tag:${TAG.instance}`]: context.instanceId, 'tag:Name': aclName(context, subnetId)
  }))[0]
}

function openings ({ Entries = [] }: NetworkAcl): Array<{ RuleNumber: number, Egress: boolean }> {
  return Entries
    .filter(({ RuleNumber }) => RuleNumber! < FIRST_FIXED_ENTRY)
    .map(({ RuleNumber, Egress }) => ({ RuleNumber: RuleNumber!, Egress: Egress! }))
}

function stateOf (context: ActionContext, subnetId: string, association: Association | undefined): State {
  if (association === undefined) return { networkAclId: null }
  const { acl } = association
  return { networkAclId: acl.NetworkAclId!, ...isOurs(context, subnetId, acl) && openings(acl).length === 0 && { denyAll: true } }
}

async function make (context: ActionContext, vpcId: string, subnetId: string): Promise<string> {
  const Tags = incidentTags(context.incidentId, 'isolation', { [TAG.instance]: context.instanceId, Name: aclName(context, subnetId) })
  const made = await context.clients.ec2.send(new CreateNetworkAclCommand({ VpcId: vpcId, TagSpecifications: [{ ResourceType: 'network-acl', Tags }] }))
  return made.NetworkAcl!.NetworkAclId!
}

/** The ACL of ours without entries, made now or by an attempt that was cut off. */
async function ready (context: ActionContext, { resource, parameters }: PlannedAction): Promise<string> {
  const found = await findOurs(context, resource)
  if (found === undefined) return await make(context, parameters.vpcId as string, resource)
  for (const entry of openings(found)) {
    await context.clients.ec2.send(new DeleteNetworkAclEntryCommand({ NetworkAclId: found.NetworkAclId!, ...entry })).catch((error: unknown) => {
      if (!isGone(error)) throw error
    })
  }
  return found.NetworkAclId!
}

/** Deletes ours; what still keeps it, in words. */
async function remove (context: ActionContext, subnetId: string): Promise<string | undefined> {
  const ours = await findOurs(context, subnetId)
  if (ours === undefined) return undefined
  try {
    await context.clients.ec2.send(new DeleteNetworkAclCommand({ NetworkAclId: ours.NetworkAclId! }))
  } catch (error) {
    if (isGone(error)) return undefined
    if (awsCode(error) !== 'DependencyViolation') throw error
    return `${ours.NetworkAclId!} is still in use; delete it when no subnet has it any more.`
  }
  return undefined
}

const observe: Action['observe'] = async (context, { resource }) => stateOf(context, resource, await associationOf(context.clients.ec2, resource))

export const isolateSubnet: Action = {
  observe,
  apply: async (context, planned) => {
    const { clients: { ec2 } } = context
    const { resource: subnetId, parameters } = planned
    const networkAclId = await ready(context, planned)
    const association = await associationOf(ec2, subnetId)
    if (association === undefined) {
      await remove(context, subnetId)
    } else if (association.acl.NetworkAclId !== networkAclId) {
      if (association.acl.NetworkAclId !== parameters.networkAclId) {
        throw new CleanroomError('CHANGED_MEANWHILE',
          `${subnetId} has the network ACL ${association.acl.NetworkAclId!} now, not ${String(parameters.networkAclId)}; it was left there.`)
      }
      await ec2.send(new ReplaceNetworkAclAssociationCommand({ AssociationId: association.associationId, NetworkAclId: networkAclId }))
    }
    return await observe(context, planned)
  },
  undo: async (context, planned, { before }) => {
    const { clients: { ec2 } } = context
    const subnetId = planned.resource
    const association = await associationOf(ec2, subnetId)
    const finish = async (...notes: Array<string | undefined>): Promise<Undone> => {
      const said = [...notes, await remove(context, subnetId)].filter((note) => note !== undefined)
      const now = await observe(context, planned)
      return { now, restored: now.networkAclId === before.networkAclId, ...said.length > 0 && { note: said.join(' ') } }
    }
    if (association === undefined) return await finish(`${subnetId} is gone; there is nothing left to give its network ACL back to.`)
    const { acl, associationId } = association
    if (acl.NetworkAclId === before.networkAclId) return await finish()
    if (!isOurs(context, subnetId, acl)) return await finish(`Somebody gave ${subnetId} the network ACL ${acl.NetworkAclId!} since; it was left there.`)
    const inVpc = await acls(ec2, { 'vpc-id': acl.VpcId! })
    const former = inVpc.find(({ NetworkAclId }) => NetworkAclId === before.networkAclId)
    const next = former ?? inVpc.find(({ IsDefault }) => IsDefault === true)
    if (next === undefined) return await finish(`${String(before.networkAclId)} is gone and ${acl.VpcId!} has no default network ACL; ${subnetId} stays cut off until somebody gives it one.`)
    await ec2.send(new ReplaceNetworkAclAssociationCommand({ AssociationId: associationId, NetworkAclId: next.NetworkAclId! }))
    return await finish(former === undefined
      ? `${String(before.networkAclId)} is gone; ${subnetId} has the default network ACL ${next.NetworkAclId!} of its VPC instead.`
      : undefined)
  }
}
