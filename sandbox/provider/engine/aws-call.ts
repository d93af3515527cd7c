/** What one provider request needs to reach AWS. */
import type { Tags } from './resource-type.ts'
import type { ProviderConfig } from './provider-config.ts'

export interface ClientOptions {
  region: string
  credentials?: NonNullable<ProviderConfig['credentials']>
  endpoint?: string
  maxAttempts: number
  retryMode: 'standard'
  forcePathStyle?: boolean
}

/** Any AWS SDK client class. */
export type ClientClass<C> = new (options: ClientOptions) => C

export interface AwsCall {
  region: string
  accountId: string
  partition: string
  /** The resource's name in the program. */
  name: string
  /** The resource's own tags with the provider's default tags under them. */
  tags: Tags
  /** Seconds the call may wait for AWS, when the program set custom timeouts. */
  timeoutSeconds?: number
  /** Tells the engine that the resource exists, so that a later failure does not lose it. */
  created (id: string): void
  client<C> (service: string, Class: ClientClass<C>): C
}

/** Clients are kept per service and Region for the life of the plugin. */
export class AwsClients {
  readonly #config: ProviderConfig
  readonly #clients = new Map<string, unknown>()

  constructor (config: ProviderConfig) {
    this.#config = config
  }

  get<C> (service: string, region: string, Class: ClientClass<C>): C {
    const key = `${service}/${region}`
    const existing = this.#clients.get(key)
    if (existing !== undefined) return existing as C
    const { credentials, maxRetries, s3UsePathStyle } = this.#config
    const endpoint = this.#config.endpoints[service]
    const client = new Class({
      region,
      ...(credentials && { credentials }),
      ...(endpoint && { endpoint }),
      maxAttempts: maxRetries + 1,
      retryMode: 'standard',
      // A custom endpoint seldom has a DNS name per bucket.
      ...(service === 's3' && { forcePathStyle: s3UsePathStyle ?? (endpoint ?? process.env.AWS_ENDPOINT_URL) !== undefined })
    })
    this.#clients.set(key, client)
    return client
  }
}
