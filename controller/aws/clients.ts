/**
 * AWS clients by account, Region and phase of the response, each with that phase's role and no other.
 */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { IAMClient } from '@aws-sdk/client-iam'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { SNSClient } from '@aws-sdk/client-sns'
import { SQSClient } from '@aws-sdk/client-sqs'
import { SSMClient } from '@aws-sdk/client-ssm'
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { ResolverClient } from './resolver-client.ts'

export interface AwsScope { accountId: string, region: string }

/** `controller` is the process's own identity; the others are roles of the baseline that it assumes. */
export type Phase = 'controller' | 'contain' | 'acquire' | 'build' | 'analyse' | 'investigator'

type AssumedPhase = Exclude<Phase, 'controller'>
type Credentials = ReturnType<typeof fromTemporaryCredentials>
interface ClientConfig {
  region: string
  credentials?: Credentials
  retryMode: 'adaptive' | 'standard'
  maxAttempts: number
  requestHandler: { connectionTimeout: number, requestTimeout: number, throwOnRequestTimeout: boolean }
}

/** How long one request may take, in milliseconds, and how often the SDK sends it. */
export interface RequestLimits { requestTimeoutMs: number, maxAttempts: number }

const PATIENT: RequestLimits = { requestTimeoutMs: 60_000, maxAttempts: 6 }
/** Containment is a matter of seconds: a call that hangs is given up early and sent again. */
const QUICK: RequestLimits = { requestTimeoutMs: 8_000, maxAttempts: 3 }

export class AwsClients {
  readonly #baseline: BaselineOutputs
  readonly #quick: RequestLimits
  readonly #clients = new Map<string, unknown>()
  readonly #credentials = new Map<string, Credentials>()

  /** @param quick limits of the containing phase */
  constructor (baseline: BaselineOutputs, quick: RequestLimits = QUICK) {
    this.#baseline = baseline
    this.#quick = quick
  }

  /** The account and Region of the baseline: where evidence and rooms live. */
  get home (): AwsScope {
    return { accountId: this.#baseline.accountId, region: this.#baseline.region }
  }

  ec2 = (scope: AwsScope, phase: Phase): EC2Client => this.#client(EC2Client, scope, phase)
  autoScaling = (scope: AwsScope, phase: Phase): AutoScalingClient => this.#client(AutoScalingClient, scope, phase)
  elb = (scope: AwsScope, phase: Phase): ElasticLoadBalancingClient => this.#client(ElasticLoadBalancingClient, scope, phase)
  elbv2 = (scope: AwsScope, phase: Phase): ElasticLoadBalancingV2Client => this.#client(ElasticLoadBalancingV2Client, scope, phase)
  resolver = (scope: AwsScope, phase: AssumedPhase): ResolverClient => new ResolverClient({
    region: scope.region, credentials: async () => await this.#assume(scope, phase)(), ...this.#limits(phase)
  })

  logs = (scope: AwsScope, phase: Phase): CloudWatchLogsClient => this.#client(CloudWatchLogsClient, scope, phase)
  iam = (scope: AwsScope, phase: Phase): IAMClient => this.#client(IAMClient, scope, phase)
  ssm = (scope: AwsScope, phase: Phase): SSMClient => this.#client(SSMClient, scope, phase)
  s3 = (scope: AwsScope, phase: Phase): S3Client => this.#client(S3Client, scope, phase)
  kms = (scope: AwsScope, phase: Phase): KMSClient => this.#client(KMSClient, scope, phase)
  sns = (scope: AwsScope, phase: Phase): SNSClient => this.#client(SNSClient, scope, phase)
  sqs = (scope: AwsScope, phase: Phase): SQSClient => this.#client(SQSClient, scope, phase)

  /** Has a phase's session ready when its first call comes; a failure shows in that call. */
  warm (scope: AwsScope, phase: AssumedPhase): void {
    this.#assume(scope, phase)().catch(() => {})
  }

  /** The role that acts for a phase in an account: the baseline's role of that name, there. */
  roleArn (accountId: string, phase: AssumedPhase): string {
    return this.#baseline.roles[phase].replace(this.#baseline.accountId, accountId)
  }

  #client<C> (Client: new (config: ClientConfig) => C, scope: AwsScope, phase: Phase): C {
    const key = `${Client.name} ${scope.accountId} ${scope.region} ${phase}`
    const known = this.#clients.get(key) as C | undefined
    if (known) return known
    const { requestTimeoutMs, maxAttempts } = this.#limits(phase)
    const client = new Client({
      region: scope.region,
      ...phase !== 'controller' && { credentials: this.#assume(scope, phase) },
      // AWS SDKs "Retry behavior": adaptive mode slows a client down when the service throttles it. What an instance
      // waits for to be cut off must not wait for the calls of another incident.
      retryMode: phase === 'contain' || phase === 'acquire' ? 'standard' : 'adaptive',
      maxAttempts,
      requestHandler: { connectionTimeout: 5_000, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true }
    })
    this.#clients.set(key, client)
    return client
  }

  #limits (phase: Phase): RequestLimits {
    return phase === 'contain' ? this.#quick : PATIENT
  }

  /** One set of short-lived credentials per role, shared by all its clients. */
  #assume (scope: AwsScope, phase: AssumedPhase): Credentials {
    const roleArn = this.roleArn(scope.accountId, phase)
    let credentials = this.#credentials.get(roleArn)
    if (!credentials) {
      const provider = fromTemporaryCredentials({
        params: { RoleArn: roleArn, RoleSessionName: `cleanroom-${phase}`, DurationSeconds: 3600 },
        clientConfig: { region: this.#baseline.region }
      })
      credentials = memoised(provider)
      this.#credentials.set(roleArn, credentials)
    }
    return credentials
  }
}

/** Shares one assumed session among clients until five minutes before it ends. */
function memoised (provider: Credentials): Credentials {
  let session: ReturnType<Credentials> | undefined
  let renewAt = 0
  return async (properties) => {
    if (!session || Date.now() >= renewAt) {
      renewAt = Date.now() + 60_000
      session = provider(properties)
      session.then(
        (got) => { renewAt = (got.expiration?.getTime() ?? Date.now() + 3_600_000) - 300_000 },
        () => { session = undefined }
      )
    }
    return await session
  }
}
