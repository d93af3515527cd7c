/** A room for tests: what it is made from, with whatever a test wants otherwise. */
import type { BaselineOutputs } from '../baseline/outputs.ts'
import type { CleanRoomInput, RoomDisk } from './room-input.ts'

const iam = (name: string) => `arn:aws:iam::123456789012:role/${name}`

export const EXAMPLE_BASELINE: BaselineOutputs = {
  version: 1,
  accountId: '123456789012',
  region: 'eu-central-1',
  partition: 'aws',
  evidenceBucket: 'evidence',
  evidenceKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/evidence',
  retention: { mode: 'GOVERNANCE', days: 1 },
  signingKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/signing',
  stateBucket: 'state',
  stateKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/state',
  roles: {
    controller: iam('controller'),
    contain: iam('contain'),
    acquire: iam('acquire'),
    build: iam('build'),
    analyse: iam('analyse'),
    investigator: iam('investigator'),
    breakGlass: iam('break-glass')
  },
  workstation: {
    roleArn: iam('workstation'),
    instanceProfile: 'workstation',
    boundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
    image: 'ami-12345678',
    instanceTypes: ['m6i.large']
  },
  intake: {
    topicArn: 'arn:aws:sns:eu-central-1:123456789012:intake',
    queueUrl: 'https://sqs.eu-central-1.amazonaws.com/123456789012/intake',
    deadLetterQueueUrl: 'https://sqs.eu-central-1.amazonaws.com/123456789012/dead'
  },
  notificationTopicArn: 'arn:aws:sns:eu-central-1:123456789012:notify',
  documents: { runPackage: 'run-package' }
}

export function exampleDisk (number: number): RoomDisk {
  return {
    snapshotId: `snap-${number}`, sourceVolumeId: `vol-${number}`, instanceId: 'i-suspect', sizeGiB: 8, device: `/dev/sd${'fghijk'[number]}`
  }
}

export function exampleRoom (otherwise: Partial<CleanRoomInput> = {}): CleanRoomInput {
  return {
    incidentId: 'inc-1',
    baseline: EXAMPLE_BASELINE,
    cidr: '10.255.255.0/24',
    instanceType: 'm6i.large',
    volumes: [],
    expiresAt: '2030-01-01T00:00:00.000Z',
    ...otherwise
  }
}
