/**
 * The rules of a room's security groups in words, so that a set of them can be compared and shown.
 */
import type { SecurityGroupRule } from '@aws-sdk/client-ec2'

/** For example `sg-1 out tcp 443 to sg-2`. A rule that names nothing we know is shown as AWS gave it. */
export function ruleInWords (rule: SecurityGroupRule): string {
  const { GroupId, IsEgress, IpProtocol, FromPort, ToPort } = rule
  const peer = rule.ReferencedGroupInfo?.GroupId ?? rule.PrefixListId ?? rule.CidrIpv4 ?? rule.CidrIpv6 ?? JSON.stringify(rule)
  return words(`${GroupId}`, IsEgress ? 'out' : 'in', `${IpProtocol}`, FromPort === ToPort ? `${FromPort}` : `${FromPort}-${ToPort}`, peer)
}

/** All that the room's groups may say: the workstation reaches the endpoints and S3, nobody reaches the workstation. */
export function expectedRules (workstationGroups: string[], endpointGroups: string[], s3PrefixList: string | undefined): string[] {
  return workstationGroups.flatMap(workstation => [
    words(workstation, 'out', 'tcp', '443', s3PrefixList ?? 'the S3 prefix list'),
    ...endpointGroups.flatMap(endpoint => [
      words(workstation, 'out', 'tcp', '443', endpoint),
      words(endpoint, 'in', 'tcp', '443', workstation)
    ])
  ])
}

function words (group: string, direction: 'in' | 'out', protocol: string, ports: string, peer: string): string {
  return `${group} ${direction} ${protocol} ${ports} ${direction === 'in' ? 'from' : 'to'} ${peer}`
}
