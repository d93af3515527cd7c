/** EventBridge rules and targets. */
import {
  DeleteRuleCommand, DescribeRuleCommand, EventBridgeClient, ListTagsForResourceCommand, ListTargetsByRuleCommand, PutRuleCommand,
  PutTargetsCommand, RemoveTargetsCommand, TagResourceCommand, UntagResourceCommand,
  type PutTargetsResultEntry, type RemoveTargetsResultEntry, type RuleState
} from '@aws-sdk/client-eventbridge'
import type { EventRuleArgs } from '@pulumi/aws/cloudwatch/eventRule.js'
import type { EventTargetArgs } from '@pulumi/aws/cloudwatch/eventTarget.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource, type InputsOf, type Tags } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, whileRefused } from '../engine/wait.ts'

const GONE = ['ResourceNotFoundException']
const DEFAULT_BUS = 'default'

function events (call: AwsCall): EventBridgeClient {
  return call.client('events', EventBridgeClient)
}

function tagList (tags: Tags) {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

/** The bus is part of the id unless it is the default one. */
function ruleId (bus: string | undefined, name: string): string {
  return bus === undefined || bus === DEFAULT_BUS ? name : `${bus}/${name}`
}

function ofRule (id: string): { EventBusName: string, Name: string } {
  const slash = id.lastIndexOf('/')
  return slash < 0 ? { EventBusName: DEFAULT_BUS, Name: id } : { EventBusName: id.slice(0, slash), Name: id.slice(slash + 1) }
}

interface RuleInputs {
  name?: string,
  eventBusName?: string,
  eventPattern?: string,
  scheduleExpression?: string,
  description?: string,
  roleArn?: string
  state?: string,
  isEnabled?: boolean
}

async function putRule (call: AwsCall, inputs: RuleInputs, tags?: Tags) {
  await events(call).send(new PutRuleCommand({
    Name: inputs.name,
    EventBusName: inputs.eventBusName ?? DEFAULT_BUS,
    EventPattern: inputs.eventPattern,
    ScheduleExpression: inputs.scheduleExpression,
    Description: inputs.description,
    RoleArn: inputs.roleArn,
    State: inputs.state as RuleState | undefined ?? (inputs.isEnabled === false ? 'DISABLED' : 'ENABLED'),
    ...(tags && Object.keys(tags).length > 0 && { Tags: tagList(tags) })
  }))
}

export const eventRule = resource<EventRuleArgs>()({
  inputs: {
    description: may.text(),
    eventBusName: may.text({ default: DEFAULT_BUS, replaces: true }),
    eventPattern: may.json(),
    forceDestroy: may.flag({ default: false }),
    isEnabled: may.flag({ computed: true }),
    name: may.text({ replaces: true }),
    roleArn: may.text(),
    scheduleExpression: may.text(),
    state: may.text({ computed: true, enum: ['DISABLED', 'ENABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS'] })
  },
  outputs: ['arn'],
  autoname: { property: 'name', maxLength: 64 },
  tagging: {
    async set (call, _id, { arn }, tags) {
      await events(call).send(new TagResourceCommand({ ResourceARN: arn as string, Tags: tagList(tags) }))
    },
    async unset (call, _id, { arn }, keys) {
      await events(call).send(new UntagResourceCommand({ ResourceARN: arn as string, TagKeys: keys }))
    }
  },
  check: ({ eventPattern, scheduleExpression }) => eventPattern === undefined && scheduleExpression === undefined
    ? [{ property: 'eventPattern', reason: 'one of eventPattern, scheduleExpression must be given' }]
    : [],
  async create (call, inputs) {
    await putRule(call, inputs, call.tags)
    return ruleId(inputs.eventBusName, inputs.name!)
  },
  async read (call, id) {
    const rule = await unlessGone(GONE, async () => await events(call).send(new DescribeRuleCommand(ofRule(id))))
    if (!rule?.Arn) return undefined
    const { Tags = [] } = await events(call).send(new ListTagsForResourceCommand({ ResourceARN: rule.Arn }))
    return {
      arn: rule.Arn,
      description: rule.Description || undefined,
      eventBusName: rule.EventBusName ?? ofRule(id).EventBusName,
      eventPattern: rule.EventPattern,
      isEnabled: rule.State !== 'DISABLED',
      name: rule.Name,
      roleArn: rule.RoleArn || undefined,
      scheduleExpression: rule.ScheduleExpression || undefined,
      state: rule.State,
      tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]))
    }
  },
  update: async (call, _id, news) => { await putRule(call, news) },
  async delete (call, id, { forceDestroy }) {
    // Targets that are still on their way out hold the rule.
    await unlessGone(GONE, async () => await whileRefused(
      error => error instanceof Error && /targets/.test(error.message),
      async () => await events(call).send(new DeleteRuleCommand({ ...ofRule(id), Force: forceDestroy === true })), { seconds: 300 }))
  }
})

const targetInputs = {
  arn: must.text(),
  deadLetterConfig: may.object({ arn: may.text() }),
  eventBusName: may.text({ default: DEFAULT_BUS, replaces: true }),
  forceDestroy: may.flag({ default: false }),
  input: may.json(),
  inputPath: may.text(),
  inputTransformer: may.object({ inputPaths: may.map(), inputTemplate: must.text() }),
  retryPolicy: may.object({ maximumEventAgeInSeconds: may.number(), maximumRetryAttempts: may.number() }),
  roleArn: may.text(),
  rule: must.text({ replaces: true }),
  sqsTarget: may.object({ messageGroupId: may.text() }),
  targetId: may.text({ replaces: true })
}

async function putTarget (call: AwsCall, inputs: InputsOf<typeof targetInputs>) {
  const { deadLetterConfig, inputTransformer, retryPolicy, sqsTarget } = inputs
  const target = {
    Id: inputs.targetId,
    Arn: inputs.arn,
    RoleArn: inputs.roleArn,
    Input: inputs.input,
    InputPath: inputs.inputPath,
    ...(inputTransformer && { InputTransformer: { InputPathsMap: inputTransformer.inputPaths, InputTemplate: inputTransformer.inputTemplate } }),
    ...(deadLetterConfig && { DeadLetterConfig: { Arn: deadLetterConfig.arn } }),
    ...(retryPolicy && {
      RetryPolicy: { MaximumEventAgeInSeconds: retryPolicy.maximumEventAgeInSeconds, MaximumRetryAttempts: retryPolicy.maximumRetryAttempts }
    }),
    ...(sqsTarget && { SqsParameters: { MessageGroupId: sqsTarget.messageGroupId } })
  }
  const { FailedEntries } = await events(call).send(new PutTargetsCommand({ Rule: inputs.rule, EventBusName: inputs.eventBusName, Targets: [target] }))
  refuseFailedEntries(FailedEntries)
}

/** A batch call succeeds even where its entries fail. */
function refuseFailedEntries ([failed]: (PutTargetsResultEntry | RemoveTargetsResultEntry)[] = []) {
  if (failed && failed.ErrorCode !== 'ResourceNotFoundException') {
    throw Object.assign(new Error(failed.ErrorMessage), { name: failed.ErrorCode })
  }
}

export const eventTarget = resource<EventTargetArgs>()({
  inputs: targetInputs,
  outputs: [],
  autoname: { property: 'targetId', maxLength: 64 },
  async create (call, inputs) {
    await putTarget(call, inputs)
    return `${inputs.eventBusName === DEFAULT_BUS ? '' : `${inputs.eventBusName}-`}${inputs.rule}-${inputs.targetId}`
  },
  async read (call, _id, known) {
    const { rule, targetId, eventBusName = DEFAULT_BUS } = known
    const found = await unlessGone(GONE, async () =>
      await events(call).send(new ListTargetsByRuleCommand({ Rule: rule, EventBusName: eventBusName })))
    const target = found?.Targets?.find(({ Id }) => Id === targetId)
    return target && {
      arn: target.Arn,
      rule,
      targetId,
      eventBusName,
      roleArn: target.RoleArn,
      input: target.Input,
      inputPath: target.InputPath,
      inputTransformer: target.InputTransformer && {
        inputPaths: target.InputTransformer.InputPathsMap, inputTemplate: target.InputTransformer.InputTemplate
      },
      deadLetterConfig: target.DeadLetterConfig && { arn: target.DeadLetterConfig.Arn },
      retryPolicy: target.RetryPolicy && {
        maximumEventAgeInSeconds: target.RetryPolicy.MaximumEventAgeInSeconds, maximumRetryAttempts: target.RetryPolicy.MaximumRetryAttempts
      },
      sqsTarget: target.SqsParameters && { messageGroupId: target.SqsParameters.MessageGroupId }
    }
  },
  update: async (call, _id, news) => { await putTarget(call, news) },
  async delete (call, _id, { rule, targetId, eventBusName = DEFAULT_BUS, forceDestroy }) {
    const result = await unlessGone(GONE, async () =>
      await events(call).send(new RemoveTargetsCommand({
        Rule: rule, EventBusName: eventBusName, Ids: [targetId!], Force: forceDestroy === true
      })))
    refuseFailedEntries(result?.FailedEntries)
  }
})
