/** The CloudWatch resource types by token. */
import type { ResourceType } from '../engine/resource-type.ts'
import { eventRule, eventTarget } from './events.ts'
import { logGroup } from './log-group.ts'

export const types: Record<string, ResourceType> = {
  'aws:cloudwatch/eventRule:EventRule': eventRule,
  'aws:cloudwatch/eventTarget:EventTarget': eventTarget,
  'aws:cloudwatch/logGroup:LogGroup': logGroup
}
