/** The provider as the engine sees it: looks the type or function up and hands it what it needs. */
import { AwsClients, type AwsCall } from './aws-call.ts'
import { checkInputs, schemaFailures, withoutNulls } from './check.ts'
import type { Change } from './equality.ts'
import type { FunctionType } from './function-type.ts'
import * as lifecycle from './lifecycle.ts'
import { checkProviderConfig, resolveProviderConfig, type ProviderConfig } from './provider-config.ts'
import type { Failure, ResourceType } from './resource-type.ts'
import { UNKNOWN, type Properties } from './schema.ts'
import { errorCode } from './wait.ts'

/** Finds the definition of a token; the modules behind it load on first use. */
export interface Catalogue {
  version: string
  resource (token: string): Promise<ResourceType | undefined>
  function (token: string): Promise<FunctionType | undefined>
}

interface Options { preview?: boolean, timeoutSeconds?: number }

export class AwsProvider {
  readonly #catalogue: Catalogue
  #config: ProviderConfig | undefined
  #clients: AwsClients | undefined

  constructor (catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  get version (): string {
    return this.#catalogue.version
  }

  checkConfig (news: Properties): Failure[] {
    return checkProviderConfig(news)
  }

  diffConfig (olds: Properties, news: Properties): Change[] {
    return [...new Set([...Object.keys(olds), ...Object.keys(news)])]
      .filter(key => JSON.stringify(olds[key]) !== JSON.stringify(news[key]))
      .map(path => ({ path, replaces: false, kind: 'update' }))
  }

  async configure (inputs: Properties): Promise<void> {
    this.#config = await resolveProviderConfig(inputs)
    this.#clients = new AwsClients(this.#config)
  }

  async check (urn: string, olds: Properties, news: Properties) {
    const { token, name, type } = await this.#resource(urn)
    return checkInputs(token, type, name, olds, news)
  }

  async diff (urn: string, state: Properties, olds: Properties, news: Properties): Promise<lifecycle.Diff> {
    const { type, name } = await this.#resource(urn)
    return lifecycle.diff(type, name, this.#settings.region, this.#settings, withoutNulls(state), withoutNulls(olds), withoutNulls(news))
  }

  async create (urn: string, inputs: Properties, { preview, timeoutSeconds }: Options) {
    const { token, name, type } = await this.#resource(urn)
    if (preview) return { id: '', state: lifecycle.previewOutputs(type, inputs, this.#settings) }
    const call = this.#call(name, inputs, inputs, timeoutSeconds)
    return await this.#explained(`creating ${token} (${name})`, async () => await lifecycle.create(type, call, inputs, this.#settings))
  }

  async read (urn: string, id: string, state: Properties, inputs: Properties) {
    const { token, name, type } = await this.#resource(urn)
    const call = this.#call(name, state, inputs)
    const now = await this.#explained(`reading ${token} (${id})`, async () =>
      await lifecycle.readState(type, call, id, withoutNulls(state), this.#settings))
    if (!now) return undefined
    // On import there are no former inputs; what AWS has is the input then.
    return { id: typeof now.id === 'string' ? now.id : id, state: now, inputs: lifecycle.inputsFrom(type, now, withoutNulls(inputs)) }
  }

  async update (urn: string, id: string, state: Properties, olds: Properties, news: Properties, { preview, timeoutSeconds }: Options) {
    const { token, name, type } = await this.#resource(urn)
    if (preview) {
      return { ...state, ...news, ...(type.tagging && { tagsAll: lifecycle.allTags(this.#settings, news.tags) }) }
    }
    const call = this.#call(name, state, news, timeoutSeconds)
    return await this.#explained(`updating ${token} (${id})`, async () =>
      await lifecycle.update(type, call, id, withoutNulls(state), withoutNulls(olds), withoutNulls(news), this.#settings))
  }

  async delete (urn: string, id: string, state: Properties, { timeoutSeconds }: Options): Promise<void> {
    const { token, name, type } = await this.#resource(urn)
    const call = this.#call(name, state, state, timeoutSeconds)
    await this.#explained(`deleting ${token} (${id})`, async () => await type.delete(call, id, withoutNulls(state)))
  }

  async invoke (token: string, args: Properties): Promise<{ outputs: Properties, failures: Failure[] }> {
    const definition = await this.#catalogue.function(token)
    if (!definition) throw new Error(`the sandbox's aws provider does not have the function ${token}`)
    const inputs = withoutNulls(args)
    const failures = schemaFailures(definition.inputs, inputs, token)
    if (failures.length > 0) return { outputs: {}, failures }
    const call = this.#call(token, inputs, inputs)
    return { outputs: await this.#explained(`reading ${token}`, async () => await definition.invoke(call, inputs)), failures: [] }
  }

  get #settings (): ProviderConfig {
    if (!this.#config) throw new Error('the aws provider is not configured yet')
    return this.#config
  }

  async #resource (urn: string): Promise<{ token: string, name: string, type: ResourceType }> {
    const [, , types = '', name = ''] = urn.split('::')
    const token = types.split('$').at(-1) ?? ''
    const type = await this.#catalogue.resource(token)
    if (!type) throw new Error(`the sandbox's aws provider does not have the resource type ${token}`)
    return { token, name: urn.split('::').slice(3).join('::') || name, type }
  }

  #call (name: string, placed: Properties, wanted: Properties, timeoutSeconds?: number): AwsCall {
    const { region: own } = placed
    const region = typeof own === 'string' && own !== UNKNOWN ? own : this.#settings.region
    const clients = this.#clients!
    return {
      region,
      accountId: this.#settings.accountId,
      partition: this.#settings.partition,
      name,
      tags: lifecycle.allTags(this.#settings, wanted.tags),
      ...(timeoutSeconds && { timeoutSeconds }),
      created: () => {},
      client: (service, Class) => clients.get(service, region, Class)
    }
  }

  /** AWS's own code and message, with what was being done and AWS's request id. */
  async #explained<T> (doing: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      const cause = error instanceof lifecycle.PartialFailure ? error.cause : error
      const { $metadata } = (cause ?? {}) as { $metadata?: { httpStatusCode?: number, requestId?: string } }
      const detail = cause instanceof Error ? cause.message : String(cause)
      const message = $metadata
        ? `${doing}: ${errorCode(cause)}: ${detail} (status ${$metadata.httpStatusCode}, request id ${$metadata.requestId})`
        : `${doing}: ${detail}`
      throw error instanceof lifecycle.PartialFailure
        ? new lifecycle.PartialFailure(error.id, error.properties, new Error(message, { cause }))
        : new Error(message, { cause })
    }
  }
}
