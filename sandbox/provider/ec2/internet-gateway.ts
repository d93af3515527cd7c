import {
  AttachInternetGatewayCommand, CreateInternetGatewayCommand, DeleteInternetGatewayCommand, DescribeInternetGatewaysCommand,
  DetachInternetGatewayCommand
} from '@aws-sdk/client-ec2'
import type { InternetGatewayArgs } from '@pulumi/aws/ec2/internetGateway.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may } from '../engine/schema.ts'
import { unlessGone, whileRefused } from '../engine/wait.ts'
import { arn, ec2, patience, tagged, tagging, tagMap } from './client.ts'

const GONE = ['InvalidInternetGatewayID.NotFound']

async function detach (call: AwsCall, InternetGatewayId: string, VpcId: string) {
  await unlessGone([...GONE, 'Gateway.NotAttached'], async () => await whileRefused(['DependencyViolation'], async () =>
    await ec2(call).send(new DetachInternetGatewayCommand({ InternetGatewayId, VpcId })), patience(call, 1200)))
}

export const internetGateway = resource<InternetGatewayArgs>()({
  inputs: { vpcId: may.text({ computed: true }) },
  outputs: ['arn', 'ownerId'],
  tagging,
  async create (call, { vpcId }) {
    const { InternetGateway } = await ec2(call).send(new CreateInternetGatewayCommand(tagged('internet-gateway', call.tags)))
    const id = InternetGateway!.InternetGatewayId!
    call.created(id)
    if (vpcId) await ec2(call).send(new AttachInternetGatewayCommand({ InternetGatewayId: id, VpcId: vpcId }))
    return id
  },
  async read (call, id) {
    const found = await unlessGone(GONE, async () => await ec2(call).send(new DescribeInternetGatewaysCommand({ InternetGatewayIds: [id] })))
    const gateway = found?.InternetGateways?.[0]
    return gateway && {
      arn: arn(call, `internet-gateway/${id}`, gateway.OwnerId),
      ownerId: gateway.OwnerId,
      vpcId: gateway.Attachments?.[0]?.VpcId ?? '',
      tags: tagMap(gateway.Tags)
    }
  },
  async update (call, id, { vpcId }, olds) {
    if (olds.vpcId) await detach(call, id, olds.vpcId)
    if (vpcId) await ec2(call).send(new AttachInternetGatewayCommand({ InternetGatewayId: id, VpcId: vpcId }))
  },
  async delete (call, id, { vpcId }) {
    if (vpcId) await detach(call, id, vpcId)
    await unlessGone(GONE, async () => await whileRefused(['DependencyViolation'], async () =>
      await ec2(call).send(new DeleteInternetGatewayCommand({ InternetGatewayId: id })), patience(call, 1200)))
  }
})
