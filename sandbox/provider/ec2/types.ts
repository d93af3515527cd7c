/** The EC2 resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { vpcDhcpOptions, vpcDhcpOptionsAssociation } from './dhcp-options.ts'
import { flowLog } from './flow-log.ts'
import { instance } from './instance.ts'
import { internetGateway } from './internet-gateway.ts'
import { defaultNetworkAcl, networkAcl, networkAclAssociation, networkAclRule } from './network-acls.ts'
import { defaultRouteTable, mainRouteTableAssociation, routeTable, routeTableAssociation } from './route-tables.ts'
import { route } from './routes.ts'
import { securityGroupEgressRule, securityGroupIngressRule } from './security-group-rules.ts'
import { defaultSecurityGroup, securityGroup } from './security-groups.ts'
import { subnet } from './subnet.ts'
import { volume, volumeAttachment } from './volumes.ts'
import { vpcEndpoint, vpcEndpointPolicy } from './vpc-endpoints.ts'
import { vpc } from './vpc.ts'

export const types: Record<string, ResourceType> = {
  'aws:ebs/volume:Volume': volume,
  'aws:ec2/defaultNetworkAcl:DefaultNetworkAcl': defaultNetworkAcl,
  'aws:ec2/defaultRouteTable:DefaultRouteTable': defaultRouteTable,
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': defaultSecurityGroup,
  'aws:ec2/flowLog:FlowLog': flowLog,
  'aws:ec2/instance:Instance': instance,
  'aws:ec2/internetGateway:InternetGateway': internetGateway,
  'aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation': mainRouteTableAssociation,
  'aws:ec2/networkAcl:NetworkAcl': networkAcl,
  'aws:ec2/networkAclAssociation:NetworkAclAssociation': networkAclAssociation,
  'aws:ec2/networkAclRule:NetworkAclRule': networkAclRule,
  'aws:ec2/route:Route': route,
  'aws:ec2/routeTable:RouteTable': routeTable,
  'aws:ec2/routeTableAssociation:RouteTableAssociation': routeTableAssociation,
  'aws:ec2/securityGroup:SecurityGroup': securityGroup,
  'aws:ec2/subnet:Subnet': subnet,
  'aws:ec2/volumeAttachment:VolumeAttachment': volumeAttachment,
  'aws:ec2/vpc:Vpc': vpc,
  'aws:ec2/vpcDhcpOptions:VpcDhcpOptions': vpcDhcpOptions,
  'aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation': vpcDhcpOptionsAssociation,
  'aws:ec2/vpcEndpoint:VpcEndpoint': vpcEndpoint,
  'aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy': vpcEndpointPolicy,
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': securityGroupEgressRule,
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': securityGroupIngressRule
}
