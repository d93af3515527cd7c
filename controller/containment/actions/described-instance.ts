/**
 * The instance as EC2 describes it now, for actions whose change shows nowhere else.
 */
import { DescribeInstancesCommand, type EC2Client, type Instance } from '@aws-sdk/client-ec2'
import { isGone } from '../../aws/aws-errors.ts'

/** Undefined once it is terminated or on the way there, or forgotten by EC2 an hour later. */
export async function livingInstance (ec2: EC2Client, instanceId: string): Promise<Instance | undefined> {
  try {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
    const found = answer.Reservations?.flatMap(({ Instances = [] }) => Instances)[0]
    return ['shutting-down', 'terminated'].includes(found?.State?.Name ?? 'terminated') ? undefined : found
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}
