/**
 * For tests: AWS clients that answer as told, by the name of the command, and throw on any other.
 */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { IAMClient } from '@aws-sdk/client-iam'
import type { TriageClients } from './describe-instance.ts'

export type Answer = (input: Record<string, unknown>, call: { abortSignal?: AbortSignal }) => object | Promise<object>

export interface FakeClients extends TriageClients {
  /** Commands that were sent, with their input. */
  sent: Array<{ name: string, input: Record<string, unknown> }>
}

export function fakeClients (answers: Record<string, Answer>): FakeClients {
  const sent: FakeClients['sent'] = []
  const send = async (command: { constructor: { name: string }, input: Record<string, unknown> }, call: { abortSignal?: AbortSignal } = {}): Promise<object> => {
    const name = command.constructor.name.replace(/Command$/, '')
    sent.push({ name, input: command.input })
    const answer = answers[name]
    if (!answer) throw new Error(`nobody expected ${name}`)
    return await answer(command.input, call)
  }
  // Real classes: the SDK's paginators take no others.
  const fake = <C extends object>(client: C): C => Object.assign(client, { send })
  const region = 'eu-central-1'
  return {
    sent,
    ec2: fake(new EC2Client({ region })),
    autoScaling: fake(new AutoScalingClient({ region })),
    elb: fake(new ElasticLoadBalancingClient({ region })),
    elbv2: fake(new ElasticLoadBalancingV2Client({ region })),
    iam: fake(new IAMClient({ region }))
  }
}

/** As AWS SDKs throw it. */
export function awsError (name: string, message = name): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400 } })
}

/** The first filter of that name in a command's input. */
export function filterOf (input: Record<string, unknown>, name: string): string[] | undefined {
  const filters = (input.Filters ?? input.Filter ?? []) as Array<{ Name: string, Values: string[] }>
  return filters.find(({ Name }) => Name === name)?.Values
}
