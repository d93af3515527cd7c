/**
 * The sandbox's own way to AWS: as whoever owns the account that incidents happen in.
 */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { IAMClient } from '@aws-sdk/client-iam'
import { KMSClient } from '@aws-sdk/client-kms'

export interface SandboxAws {
  region: string
  ec2: EC2Client
  autoScaling: AutoScalingClient
  elb: ElasticLoadBalancingClient
  elbv2: ElasticLoadBalancingV2Client
  iam: IAMClient
  kms: KMSClient
}

/** Clients for the emulator at `endpoint`; it takes any access key for the account's root. */
export function sandboxAws (endpoint: string, region: string): SandboxAws {
  const config = { endpoint, region, credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' } }
  return {
    region,
    ec2: new EC2Client(config),
    autoScaling: new AutoScalingClient(config),
    elb: new ElasticLoadBalancingClient(config),
    elbv2: new ElasticLoadBalancingV2Client(config),
    iam: new IAMClient(config),
    kms: new KMSClient(config)
  }
}

/**
 * Tells the emulator what AWS has no call for: a volume's bytes, a machine's agent, an image's software.
 * @throws Error with the emulator's reason when it refuses
 */
export async function bind (control: string, path: string, body: Record<string, unknown>): Promise<void> {
  const answer = await fetch(`${control.replace(/\/$/, '')}/_sandbox/${path}`, {
    method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body)
  })
  if (!answer.ok) throw new Error(`the emulator refused ${path}: ${answer.status} ${await answer.text()}`)
}

/** What EC2 calls take tags as. */
export function named (type: string, name: string, more: Record<string, string> = {}): Array<{ ResourceType: never, Tags: Array<{ Key: string, Value: string }> }> {
  const tags = Object.entries({ Name: name, ...more }).map(([Key, Value]) => ({ Key, Value }))
  return [{ ResourceType: type as never, Tags: tags }]
}
