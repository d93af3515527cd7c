/**
 * What the controller can't work without, asked one by one.
 */
import { HeadBucketCommand } from '@aws-sdk/client-s3'
import type { Pool } from 'pg'
import type { BaselineOutputs } from '../stacks/baseline/outputs.ts'
import type { AwsClients } from './aws/clients.ts'
import { messageOf } from './incident/errors.ts'

export interface ReadinessSubjects { pool: Pool, clients: AwsClients, baseline: BaselineOutputs }

/** Every part with whether it answers; a part that does not says why. */
export async function readiness ({ pool, clients, baseline }: ReadinessSubjects): Promise<Array<{ name: string, ok: boolean, detail: string }>> {
  const s3 = clients.s3(baseline, 'controller')
  const parts: Record<string, () => Promise<unknown>> = {
    database: () => pool.query('SELECT 1'),
    'evidence-vault': () => s3.send(new HeadBucketCommand({ Bucket: baseline.evidenceBucket })),
    'state-bucket': () => s3.send(new HeadBucketCommand({ Bucket: baseline.stateBucket }))
  }
  return await Promise.all(Object.entries(parts).map(async ([name, ask]) => {
    try {
      await ask()
      return { name, ok: true, detail: 'answers' }
    } catch (error) {
      return { name, ok: false, detail: messageOf(error) }
    }
  }))
}
