/** The SNS resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { topic, topicPolicy, topicSubscription } from './topics.ts'

export const types: Record<string, ResourceType> = {
  'aws:sns/topic:Topic': topic,
  'aws:sns/topicPolicy:TopicPolicy': topicPolicy,
  'aws:sns/topicSubscription:TopicSubscription': topicSubscription
}
