/**
 * Crash-consistent snapshots of all volumes of an instance, in one call, tagged in that call.
 *
 * Source: Amazon EBS User Guide, "Create multi-volume Amazon EBS snapshots from an Amazon EC2 instance".
 * CreateSnapshots takes no client token, so a set is found again by its tags before a new one is made.
 */
import {
  CreateSnapshotCommand, CreateSnapshotsCommand, CreateTagsCommand, paginateDescribeSnapshots, type EC2Client, type Snapshot
} from '@aws-sdk/client-ec2'
import { attempt, awsCode } from '../aws/aws-errors.ts'
import { controllerActor, type Custody } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { SnapshotRecord } from '../incident/incident.ts'
import { incidentTags, TAG } from '../incident/tags.ts'
import type { InstanceFacts, VolumeFacts } from '../triage/target-facts.ts'

const ACTOR = controllerActor('acquire')

/**
 * Starts the snapshot set of an instance, or finds the one already started for this incident.
 * Ids are in the chain of custody before anything waits for them. A set of which a snapshot ended in error
 * is not used again: the next attempt makes a whole new one.
 * @throws CleanroomError SNAPSHOT_FAILED when a volume can't be snapshotted, AWS_*
 */
export async function startSnapshots (ec2: EC2Client, custody: Custody, incidentId: string, facts: InstanceFacts, attemptNumber: number): Promise<SnapshotRecord[]> {
  const { instanceId, volumes } = facts
  const key = `acquire/${instanceId}/snapshots/${attemptNumber}`
  await custody.append(incidentId, {
    key: `${key}:intent`,
    actor: ACTOR,
    action: 'acquisition.intent',
    detail: { instanceId, volumes: volumes.map(({ volumeId }) => volumeId) }
  })
  const known = (await snapshotsOf(ec2, incidentId, instanceId)).filter(({ State }) => State !== 'error')
  const made = covers(known, volumes) ? known : await createAll(ec2, incidentId, instanceId, volumes)
  const records = volumes.map((volume) => recordOf(made, volume))
  await custody.append(incidentId, {
    key: `${key}:started`,
    actor: ACTOR,
    action: 'acquisition.snapshots-started',
    detail: { instanceId, snapshots: records.map(({ snapshotId, volumeId, device }) => ({ snapshotId, volumeId, device })) }
  })
  await nameSnapshots(ec2, instanceId, records)
  return records
}

function covers (snapshots: Snapshot[], volumes: VolumeFacts[]): boolean {
  return volumes.every(({ volumeId }) => snapshots.some(({ VolumeId }) => VolumeId === volumeId))
}

/** One set for what is attached; a volume that no longer is, or whose instance is gone, by itself. */
async function createAll (ec2: EC2Client, incidentId: string, instanceId: string, volumes: VolumeFacts[]): Promise<Snapshot[]> {
  const tags = incidentTags(incidentId, 'evidence', { [TAG.instance]: instanceId })
  const TagSpecifications = [{ ResourceType: 'snapshot' as const, Tags: tags }]
  const Description = `Evidence of ${instanceId} for incident ${incidentId}`
  return await attempt(`snapshotting ${instanceId}`, async () => {
    const made: Snapshot[] = []
    try {
      const answer = await ec2.send(new CreateSnapshotsCommand({
        Description, TagSpecifications, InstanceSpecification: { InstanceId: instanceId, ExcludeBootVolume: false }
      }))
      made.push(...answer.Snapshots ?? [])
    } catch (error) {
      if (!/^(InvalidInstanceID|IncorrectInstanceState|IncorrectState)/.test(awsCode(error) ?? '')) throw error
    }
    for (const { volumeId } of volumes.filter((volume) => !covers(made, [volume]))) {
      made.push(await ec2.send(new CreateSnapshotCommand({ Description, TagSpecifications, VolumeId: volumeId })))
    }
    return made
  })
}

/** The snapshots of an instance that belong to an incident, as AWS has them now. */
export async function snapshotsOf (ec2: EC2Client, incidentId: string, instanceId: string): Promise<Snapshot[]> {
  return await attempt(`describing the snapshots of ${instanceId}`, async () => {
    const found: Snapshot[] = []
    const pages = paginateDescribeSnapshots({ client: ec2 }, {
      OwnerIds: ['self'],
      Filters: [
        { Name: `tag:${TAG.incident}`, Values: [incidentId] },
        { Name: `tag:${TAG.instance}`, Values: [instanceId] }
      ]
    })
    for await (const page of pages) found.push(...page.Snapshots ?? [])
    return found
  })
}

function recordOf (made: Snapshot[], volume: VolumeFacts): SnapshotRecord {
  // Of several, the newest: an answer that was lost may have left a set before.
  const snapshot = made.filter(({ VolumeId }) => VolumeId === volume.volumeId)
    .sort((a, b) => Number(b.StartTime ?? 0) - Number(a.StartTime ?? 0))[0]
  if (!snapshot) throw new CleanroomError('SNAPSHOT_FAILED', `The snapshot set has none of ${volume.volumeId}.`)
  return { snapshotId: snapshot.SnapshotId!, volumeId: volume.volumeId, device: volume.device, sizeGiB: snapshot.VolumeSize ?? volume.sizeGiB, ...progressOf(snapshot) }
}

function progressOf ({ State, Progress }: Snapshot): Pick<SnapshotRecord, 'state' | 'progress'> {
  const state = State === 'completed' ? 'completed' : State === 'error' ? 'error' : 'pending'
  return { state, progress: state === 'completed' ? 100 : Math.min(99, Number.parseInt(Progress ?? '0', 10) || 0) }
}

/** A name that tells disks apart in the console; the evidence does not depend on it. */
async function nameSnapshots (ec2: EC2Client, instanceId: string, records: SnapshotRecord[]): Promise<void> {
  await attempt('naming snapshots', () => Promise.all(records.map(async ({ snapshotId, device }) => {
    await ec2.send(new CreateTagsCommand({ Resources: [snapshotId], Tags: [{ Key: 'Name', Value: `${instanceId} ${device}` }] }))
  })))
}

/**
 * The records with AWS's present state and progress.
 * @throws CleanroomError SNAPSHOT_FAILED when one ended in error or is gone
 */
export async function refreshSnapshots (ec2: EC2Client, incidentId: string, instanceId: string, records: SnapshotRecord[]): Promise<SnapshotRecord[]> {
  const now = await snapshotsOf(ec2, incidentId, instanceId)
  return records.map((record) => {
    const snapshot = now.find(({ SnapshotId }) => SnapshotId === record.snapshotId)
    if (!snapshot) throw new CleanroomError('SNAPSHOT_FAILED', `Snapshot ${record.snapshotId} of ${record.volumeId} is gone.`)
    const progress = progressOf(snapshot)
    if (progress.state === 'error') {
      throw new CleanroomError('SNAPSHOT_FAILED', `Snapshot ${record.snapshotId} of ${record.volumeId} ended in error: ${snapshot.StateMessage ?? 'no reason given'}.`)
    }
    return { ...record, ...progress }
  })
}

/** How long to wait before asking again, in milliseconds: quick at first, then every 15 s. */
export function pollInterval (asked: number): number {
  return Math.min(500 * 1.5 ** asked, 15_000)
}
