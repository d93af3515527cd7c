import { KMSClient } from '@aws-sdk/client-kms'
import type { AwsCall } from '../engine/aws-call.ts'

export function kms (call: AwsCall): KMSClient {
  return call.client('kms', KMSClient)
}

export const GONE = ['NotFoundException']
