/**
 * Stops the instance, which ends every connection and loses what is in memory and on instance-store disks.
 *
 * Containment itself has protected the instance from being stopped; that protection is lifted for the one call and set
 * again at once, whether or not EC2 took the call. Sources: Amazon EC2 User Guide, "Stop and start Amazon EC2
 * instances" and "Enable stop protection".
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeInstancesCommand, ModifyInstanceAttributeCommand, StartInstancesCommand, StopInstancesCommand, type EC2Client } from '@aws-sdk/client-ec2'
import { awsCode, isGone } from '../../aws/aws-errors.ts'
import { CleanroomError } from '../../incident/errors.ts'
import type { Action, State } from './action.ts'
import { INSTANCE_GONE } from './take-back.ts'

/** Where a state that passes leads to: it is what the action has brought about, however long EC2 takes. */
const LEADS_TO: Record<string, string> = { pending: 'running', stopping: 'stopped', 'shutting-down': 'terminated' }

async function stateName (ec2: EC2Client, instanceId: string): Promise<string> {
  try {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }))
    return answer.Reservations?.[0]?.Instances?.[0]?.State?.Name ?? 'terminated'
  } catch (error) {
    if (isGone(error)) return 'terminated'
    throw error
  }
}

function settled (name: string): State {
  return { state: LEADS_TO[name] ?? name }
}

/** Waits until the state no longer passes, for so long at most; answers the last one read. */
async function settle (ec2: EC2Client, instanceId: string, { waitMs, pollMs }: Patience): Promise<string> {
  const until = Date.now() + waitMs
  for (;;) {
    const name = await stateName(ec2, instanceId)
    if (!(name in LEADS_TO) || Date.now() >= until) return name
    await sleep(Math.min(pollMs, Math.max(0, until - Date.now())))
  }
}

async function protect (ec2: EC2Client, InstanceId: string, Value: boolean): Promise<void> {
  try {
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId, DisableApiStop: { Value } }))
  } catch (error) {
    // A Spot Instance knows no such protection: there is none to lift.
    if (!/^(UnsupportedOperation|OperationNotPermitted)$/.test(awsCode(error) ?? '')) throw error
  }
}

/** How long to wait for EC2 to finish a stop or a start, and how often to look. */
export interface Patience { waitMs: number, pollMs: number }

/** A stop that takes longer than the wait counts as done: EC2 does not take it back. */
export function stopInstanceWithin (patience: Patience): Action {
  return {
    observe: async ({ clients: { ec2 }, instanceId }) => settled(await stateName(ec2, instanceId)),
    apply: async ({ clients: { ec2 }, instanceId }) => {
      const found = await stateName(ec2, instanceId)
      if (settled(found).state === 'terminated') return settled(found)
      if (settled(found).state !== 'stopped') {
        // An instance that is starting can't be stopped yet.
        await settle(ec2, instanceId, patience)
        await protect(ec2, instanceId, false)
        try {
          await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }))
        } finally {
          await protect(ec2, instanceId, true)
        }
      } else {
        // An attempt that was cut off may have lifted it.
        await protect(ec2, instanceId, true)
      }
      return settled(await settle(ec2, instanceId, patience))
    },
    undo: async ({ clients: { ec2 }, instanceId }, _planned, { before, after }) => {
      const found = settled(await stateName(ec2, instanceId))
      if (found.state === before.state) return { now: found, restored: true }
      if (found.state === 'terminated') return { now: found, restored: false, note: INSTANCE_GONE }
      if (found.state !== after.state || before.state !== 'running') {
        return { now: found, restored: false, note: `Somebody changed it since: ${instanceId} is ${String(found.state)}, and was left so.` }
      }
      if (await settle(ec2, instanceId, patience) === 'stopping') {
        throw new CleanroomError('AWS_BUSY', `${instanceId} is still stopping; it can be started when it has stopped.`)
      }
      await ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] }))
      const now = settled(await settle(ec2, instanceId, patience))
      return {
        now,
        restored: now.state === before.state,
        note: 'Started again: what was in memory and on instance-store disks is lost, and a public address that is no Elastic IP is another one.'
      }
    }
  }
}

export const stopInstance = stopInstanceWithin({ waitMs: 12_000, pollMs: 2_000 })
