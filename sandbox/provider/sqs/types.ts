/** The SQS resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { queue, queuePolicy, redrivePolicy } from './queues.ts'

export const types: Record<string, ResourceType> = {
  'aws:sqs/queue:Queue': queue,
  'aws:sqs/queuePolicy:QueuePolicy': queuePolicy,
  'aws:sqs/redrivePolicy:RedrivePolicy': redrivePolicy
}
