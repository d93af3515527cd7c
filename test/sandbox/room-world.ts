/**
 * A small AWS for tests of clean rooms: the emulator, with as much of a baseline as a room needs.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import * as EC2 from '@aws-sdk/client-ec2'
import { CreatePolicyCommand, CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam'
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { CleanRooms } from '../../controller/clean-room/engine.ts'
import type { Cloud } from '../../controller/clean-room/room-resources.ts'
import { startEmulator, type Emulator, type EmulatorOptions } from '../../sandbox/emulator-process.ts'
import { toolchain } from '../../sandbox/toolchain/paths.mjs'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { EXAMPLE_BASELINE } from '../../stacks/clean-room/example-room.ts'
import type { RoomDisk } from '../../stacks/clean-room/room-input.ts'

const CREDENTIALS = { accessKeyId: 'tester', secretAccessKey: 'tester' }

/** What another process needs to work on the same world. */
export interface WorldFacts {
  endpoint: string
  stateDir: string
  baseline: BaselineOutputs
}

export interface RoomWorld extends WorldFacts {
  cloud: Cloud
  emulator: Emulator
  rooms: CleanRooms
  /** A disk of a suspected instance: volume and snapshot made. */
  disk: (number: number) => Promise<RoomDisk>
  stop: () => Promise<void>
}

export async function startRoomWorld (options: Omit<EmulatorOptions, 'stateDir'> = {}): Promise<RoomWorld> {
  const stateDir = await mkdtemp(join(tmpdir(), 'cleanroom-rooms-'))
  const emulator = await startEmulator({ stateDir, ...options })
  const { endpoint } = emulator
  const cloud = cloudAt(endpoint)
  const baseline = await makeBaseline(endpoint, cloud)
  const facts = { endpoint, stateDir: join(stateDir, 'controller'), baseline }
  await mkdir(facts.stateDir)
  return {
    ...facts,
    cloud,
    emulator,
    rooms: roomsOf(facts),
    disk: async number => await makeDisk(cloud, number),
    stop: async () => {
      cloud.ec2.destroy()
      cloud.iam.destroy()
      await emulator.stop()
      await rm(stateDir, { recursive: true, force: true })
    }
  }
}

export function cloudAt (endpoint: string): Cloud {
  const client = { region: EXAMPLE_BASELINE.region, endpoint, credentials: CREDENTIALS }
  return { ec2: new EC2.EC2Client(client), iam: new IAMClient(client) }
}

export function statesAt (endpoint: string): S3Client {
  return new S3Client({ region: EXAMPLE_BASELINE.region, endpoint, credentials: CREDENTIALS, forcePathStyle: true })
}

/** Clean rooms as a controller would have them, in this process. */
export function roomsOf ({ endpoint, stateDir, baseline }: WorldFacts, otherwise: { timeoutMs?: number, stopGraceMs?: number } = {}): CleanRooms {
  const { pulumiHome, pluginDir } = toolchain()
  return new CleanRooms({
    baseline,
    stateDir,
    pulumiHome,
    cloud: cloudAt(endpoint),
    states: statesAt(endpoint),
    environment: async () => ({
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      PULUMI_HOME: join(stateDir, 'pulumi-home'),
      PATH: [pluginDir, process.env.PATH].join(delimiter)
    }),
    ...otherwise
  })
}

async function makeBaseline (endpoint: string, { ec2, iam }: Cloud): Promise<BaselineOutputs> {
  const client = { region: EXAMPLE_BASELINE.region, endpoint, credentials: CREDENTIALS }
  const kms = new KMSClient(client)
  const s3 = statesAt(endpoint)
  for (const Bucket of [EXAMPLE_BASELINE.evidenceBucket, EXAMPLE_BASELINE.stateBucket]) {
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }))
  }
  const key = async () => (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.Arn!
  const image = await ec2.send(new EC2.RegisterImageCommand({
    Name: 'workstation',
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 8, DeleteOnTermination: true } }]
  }))
  const anything = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] })
  const boundary = await iam.send(new CreatePolicyCommand({ PolicyName: 'boundary', PolicyDocument: anything }))
  const trust = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${EXAMPLE_BASELINE.accountId}:root` }, Action: 'sts:AssumeRole' }
  await iam.send(new CreateRoleCommand({ RoleName: 'build', AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }) }))
  await iam.send(new PutRolePolicyCommand({ RoleName: 'build', PolicyName: 'anything', PolicyDocument: anything }))
  s3.destroy()
  return {
    ...EXAMPLE_BASELINE,
    evidenceKeyArn: await key(),
    stateKeyArn: await key(),
    workstation: { ...EXAMPLE_BASELINE.workstation, boundaryArn: boundary.Policy!.Arn!, image: image.ImageId! }
  }
}

async function makeDisk ({ ec2 }: Cloud, number: number): Promise<RoomDisk> {
  const { VolumeId } = await ec2.send(new EC2.CreateVolumeCommand({ AvailabilityZone: 'eu-central-1b', Size: 1 }))
  await EC2.waitUntilVolumeAvailable({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { VolumeIds: [VolumeId!] })
  const { SnapshotId } = await ec2.send(new EC2.CreateSnapshotCommand({ VolumeId }))
  await EC2.waitUntilSnapshotCompleted({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { SnapshotIds: [SnapshotId!] })
  return { snapshotId: SnapshotId!, sourceVolumeId: VolumeId!, instanceId: 'i-suspect', sizeGiB: 1, device: `/dev/sd${'fghijk'[number]}` }
}
