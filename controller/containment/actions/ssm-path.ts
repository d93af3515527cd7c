/**
 * The one way out of isolation, for capturing a live instance: to the addresses of Systems Manager's endpoints in the VPC.
 *
 * AWS Systems Manager User Guide, "Improve the security of EC2 instances by using VPC endpoints": the agent opens its
 * connections itself, by HTTPS, so egress to tcp 443 of each address is enough; groups track it and let answers in.
 */
import { SocketAddress, isIPv6 } from 'node:net'
import { AuthorizeSecurityGroupEgressCommand, type EC2Client, type IpPermission, type SecurityGroupRule } from '@aws-sdk/client-ec2'
import { awsCode } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import type { Action, ActionContext, State } from './action.ts'
import { isolationGroupName } from './isolation.ts'
import { emptyGroup, findGroup, revoke, rulesOf } from './security-groups.ts'

const HTTPS = 443

async function isolationGroup (context: ActionContext, vpcId: string): Promise<string | undefined> {
  return context.isolationGroupId ?? await findGroup(context, vpcId, isolationGroupName(context))
}

/** IPv6 addresses as EC2 writes them, so that one that is open is known again. */
function canonical (address: string): string {
  return isIPv6(address) ? new SocketAddress({ address, family: 'ipv6' }).address : address
}

/** The address that a rule opens; of a rule that is none of ours, all it opens, in words. */
function opened ({ IsEgress, IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo }: SecurityGroupRule): string {
  const [address, length] = (CidrIpv4 ?? CidrIpv6 ?? '').split('/')
  const one = length === (CidrIpv6 === undefined ? '32' : '128')
  if (IsEgress === true && IpProtocol === 'tcp' && FromPort === HTTPS && ToPort === HTTPS && one) return canonical(address!)
  const other = CidrIpv4 ?? CidrIpv6 ?? PrefixListId ?? ReferencedGroupInfo?.GroupId ?? ''
  return `${IsEgress === true ? 'out to' : 'in from'} ${other}, ${IpProtocol ?? ''} ${FromPort ?? ''}-${ToPort ?? ''}`
}

async function openAddresses (ec2: EC2Client, groupId: string | undefined): Promise<State> {
  return { addresses: groupId === undefined ? [] : (await rulesOf(ec2, groupId)).map(opened).sort() }
}

function wayTo (address: string): IpPermission {
  return {
    IpProtocol: 'tcp',
    FromPort: HTTPS,
    ToPort: HTTPS,
    ...isIPv6(address) ? { Ipv6Ranges: [{ CidrIpv6: `${address}/128` }] } : { IpRanges: [{ CidrIp: `${address}/32` }] }
  }
}

async function open (ec2: EC2Client, GroupId: string, addresses: string[]): Promise<void> {
  const known = await rulesOf(ec2, GroupId)
  await revoke(ec2, GroupId, known.filter((rule) => !addresses.includes(opened(rule))))
  const missing = addresses.filter((address) => !known.some((rule) => opened(rule) === address))
  if (missing.length > 0) await ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: missing.map(wayTo) }))
}

const observe: Action['observe'] = async (context, planned) => await openAddresses(context.clients.ec2, await isolationGroup(context, planned.resource))

/** Until the group has no rule, whoever added it. */
const close: Action['apply'] = async (context, planned) => {
  const groupId = await isolationGroup(context, planned.resource)
  if (groupId !== undefined) await emptyGroup(context.clients.ec2, groupId)
  return await openAddresses(context.clients.ec2, groupId)
}

export const allowSsmEndpoints: Action = {
  observe,
  apply: async (context, planned) => {
    const { ec2 } = context.clients
    const groupId = await isolationGroup(context, planned.resource)
    if (groupId === undefined) throw new CleanroomError('ISOLATION_GROUP_NOT_EMPTY', 'There is no group to open a way in; see prepare-isolation-group.')
    const addresses = [...new Set((planned.parameters.addresses as string[]).map(canonical))]
    try {
      await open(ec2, groupId, addresses)
    } catch (error) {
      // An attempt that was cut off opened some of them after they were read.
      if (awsCode(error) !== 'InvalidPermission.Duplicate') throw error
      await open(ec2, groupId, addresses)
    }
    return await openAddresses(ec2, groupId)
  },
  undo: async (context, planned, { before }) => {
    const now = await close(context, planned, before)
    return { now, restored: (now.addresses as string[]).length === 0 }
  }
}

export const closeSsmPath: Action = {
  observe,
  apply: close,
  undo: async (context, planned) => ({ now: await observe(context, planned), restored: true })
}
