/** AWS services of the JSON 1.1 protocol whose SDK client is not among our dependencies: a signed POST per call. */
import { fromNodeProviderChain } from '@aws-sdk/credential-providers'
import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientOptions } from './aws-call.ts'

export interface JsonServiceFacts {
  /** Name in the host and in the signature. */
  name: string
  /** What stands before the action in the `X-Amz-Target` header. */
  target: string
}

export class JsonService {
  readonly #options: ClientOptions
  readonly #facts: JsonServiceFacts
  readonly #signer: SignatureV4

  constructor (options: ClientOptions, facts: JsonServiceFacts) {
    this.#options = options
    this.#facts = facts
    this.#signer = new SignatureV4({
      service: facts.name, region: options.region, credentials: options.credentials ?? fromNodeProviderChain(), sha256: Sha256
    })
  }

  /** Tries again after server errors and throttling; any other refusal is an error of AWS's own name. */
  async call (action: string, input: object): Promise<Record<string, unknown>> {
    const { name, target } = this.#facts
    const endpoint = new URL(this.#options.endpoint ?? process.env.AWS_ENDPOINT_URL ?? `https://${name}.${this.#options.region}.amazonaws.com`)
    const body = JSON.stringify(input)
    for (let attempt = 1; ; attempt++) {
      const signed = await this.#signer.sign({
        method: 'POST',
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        ...(endpoint.port && { port: Number(endpoint.port) }),
        path: '/',
        query: {},
        headers: { host: endpoint.host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${target}.${action}` },
        body
      })
      const response = await fetch(endpoint, { method: 'POST', headers: signed.headers, body })
      const text = await response.text()
      if (response.ok) return text === '' ? {} : JSON.parse(text) as Record<string, unknown>
      const refused = refusal(response, text)
      const passing = response.status >= 500 || /Throttling|TooManyRequests|RequestLimitExceeded/.test(refused.name)
      if (!passing || attempt >= this.#options.maxAttempts) throw refused
      await sleep(Math.random() * Math.min(20_000, 100 * 2 ** attempt))
    }
  }
}

function refusal (response: Response, text: string): Error {
  let body: { __type?: string, message?: string, Message?: string } = {}
  try {
    body = JSON.parse(text) as typeof body
  } catch {
    body = { message: text }
  }
  return Object.assign(new Error(body.message ?? body.Message ?? response.statusText), {
    name: body.__type?.split('#').at(-1) ?? `Http${response.status}`,
    $metadata: { httpStatusCode: response.status, requestId: response.headers.get('x-amzn-requestid') ?? '' }
  })
}
