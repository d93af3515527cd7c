/**
 * The part of Route 53 Resolver that DNS Firewall needs, signed by aws4fetch: its SDK package is years behind
 * the others and would bring a second copy of all they share.
 *
 * Sources: Amazon Route 53 API Reference, "Amazon Route 53 Resolver" (AWS JSON 1.1); AWS SDKs and Tools Reference
 * Guide, "Service-specific endpoints" and "Retry behavior".
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fromNodeProviderChain } from '@aws-sdk/credential-providers'
import { AwsV4Signer } from 'aws4fetch'

export interface ResolverIdentity { accessKeyId: string, secretAccessKey: string, sessionToken?: string }

export interface ResolverClientConfig {
  region: string
  /** A set of credentials, or what provides one for each call; left out, where the SDKs find theirs. */
  credentials?: ResolverIdentity | (() => Promise<ResolverIdentity>)
  /** Left out, the environment's AWS_ENDPOINT_URL_ROUTE53RESOLVER or AWS_ENDPOINT_URL, else AWS itself. */
  endpoint?: string
  /** For one attempt, in milliseconds. */
  requestTimeoutMs?: number
  /** With the first. */
  maxAttempts?: number
}

interface Tagged { Tags?: Array<{ Key: string, Value: string }> }
/** Every domain, as a domain list names it. */
export const EVERY_NAME = '*'

/** Resolver shows a lone `*` with or without the dot that ends every name. */
export function isEveryName (domain: string): boolean {
  return domain === EVERY_NAME || domain === `${EVERY_NAME}.`
}

interface Page { MaxResults?: number, NextToken?: string }
/** The most that a page may hold. */
const PAGE = 100

type Listing = 'ListFirewallDomainLists' | 'ListFirewallRuleGroups' | 'ListFirewallRuleGroupAssociations' | 'ListFirewallRules' | 'ListFirewallDomains'
/** A change is under way while it is UPDATING or DELETING. */
export type FirewallStatus = 'COMPLETE' | 'COMPLETE_IMPORT_FAILED' | 'IMPORTING' | 'UPDATING' | 'DELETING'
export interface FirewallDomainList { Id: string, Arn?: string, Name: string, Status?: FirewallStatus, StatusMessage?: string, DomainCount?: number, CreatorRequestId?: string }
export interface FirewallRuleGroup { Id: string, Arn?: string, Name: string, Status?: FirewallStatus, StatusMessage?: string, RuleCount?: number, CreatorRequestId?: string }
export interface FirewallRule {
  FirewallRuleGroupId: string
  FirewallDomainListId: string
  Name: string
  Priority: number
  Action: 'ALLOW' | 'BLOCK' | 'ALERT'
  BlockResponse?: 'NODATA' | 'NXDOMAIN' | 'OVERRIDE'
  /** The one type of DNS query that the rule is for; without it, all. */
  Qtype?: string
}
export interface FirewallRuleGroupAssociation {
  Id: string, Arn?: string, FirewallRuleGroupId: string, VpcId: string, Name: string, Priority: number, Status?: FirewallStatus, StatusMessage?: string
}

/** What can be called, by its name in the API reference. */
export interface ResolverCalls {
  CreateFirewallDomainList: { input: Tagged & { CreatorRequestId: string, Name: string }, output: { FirewallDomainList: FirewallDomainList } }
  GetFirewallDomainList: { input: { FirewallDomainListId: string }, output: { FirewallDomainList: FirewallDomainList } }
  ListFirewallDomainLists: { input: Page, output: { FirewallDomainLists?: FirewallDomainList[], NextToken?: string } }
  UpdateFirewallDomains: {
    input: { FirewallDomainListId: string, Operation: 'ADD' | 'REMOVE' | 'REPLACE', Domains: string[] }
    output: { Id: string, Name: string, Status?: FirewallStatus, StatusMessage?: string }
  }
  ListFirewallDomains: { input: Page & { FirewallDomainListId: string }, output: { Domains?: string[], NextToken?: string } }
  DeleteFirewallDomainList: { input: { FirewallDomainListId: string }, output: { FirewallDomainList: FirewallDomainList } }
  CreateFirewallRuleGroup: { input: Tagged & { CreatorRequestId: string, Name: string }, output: { FirewallRuleGroup: FirewallRuleGroup } }
  ListFirewallRuleGroups: { input: Page, output: { FirewallRuleGroups?: FirewallRuleGroup[], NextToken?: string } }
  DeleteFirewallRuleGroup: { input: { FirewallRuleGroupId: string }, output: { FirewallRuleGroup: FirewallRuleGroup } }
  CreateFirewallRule: { input: FirewallRule & { CreatorRequestId: string }, output: { FirewallRule: FirewallRule } }
  ListFirewallRules: { input: Page & { FirewallRuleGroupId: string }, output: { FirewallRules?: FirewallRule[], NextToken?: string } }
  DeleteFirewallRule: { input: { FirewallRuleGroupId: string, FirewallDomainListId: string, Qtype?: string }, output: { FirewallRule: FirewallRule } }
  AssociateFirewallRuleGroup: {
    input: Tagged & { CreatorRequestId: string, FirewallRuleGroupId: string, VpcId: string, Priority: number, Name: string, MutationProtection?: 'ENABLED' | 'DISABLED' }
    output: { FirewallRuleGroupAssociation: FirewallRuleGroupAssociation }
  }
  ListFirewallRuleGroupAssociations: {
    input: Page & { VpcId?: string, FirewallRuleGroupId?: string }
    output: { FirewallRuleGroupAssociations?: FirewallRuleGroupAssociation[], NextToken?: string }
  }
  DisassociateFirewallRuleGroup: { input: { FirewallRuleGroupAssociationId: string }, output: { FirewallRuleGroupAssociation: FirewallRuleGroupAssociation } }
}

/** What Resolver answered, in the SDKs' shape: `name` is AWS's code, as in `ResourceNotFoundException`. */
export class ResolverError extends Error {
  readonly $metadata: { httpStatusCode: number, requestId?: string, attempts: number }

  constructor (name: string, message: string, metadata: ResolverError['$metadata']) {
    super(message)
    this.name = name
    this.$metadata = metadata
  }
}

const BACKOFF_BASE_MS = 100
const BACKOFF_MAX_MS = 20_000
const THROTTLING = /^(Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|TooManyRequestsException|SlowDown)$/

export class ResolverClient {
  readonly #region: string
  readonly #endpoint: string
  readonly #credentials: () => Promise<ResolverIdentity>
  readonly #requestTimeoutMs: number
  readonly #maxAttempts: number
  /** Signing keys by date, Region and service, as aws4fetch keeps them. */
  readonly #signingKeys = new Map<string, ArrayBuffer>()

  constructor ({ region, credentials = fromNodeProviderChain(), endpoint, requestTimeoutMs = 60_000, maxAttempts = 6 }: ResolverClientConfig) {
    this.#region = region
    this.#endpoint = endpoint ?? process.env.AWS_ENDPOINT_URL_ROUTE53RESOLVER ?? process.env.AWS_ENDPOINT_URL ?? awsEndpoint(region)
    this.#credentials = typeof credentials === 'function' ? credentials : async () => credentials
    this.#requestTimeoutMs = requestTimeoutMs
    this.#maxAttempts = maxAttempts
  }

  /**
   * Throttling, server errors and lost connections are tried again.
   * @throws ResolverError with AWS's code; Error named TimeoutError, or with the system's `code`, when AWS did not answer
   */
  async call<Name extends keyof ResolverCalls> (name: Name, input: ResolverCalls[Name]['input']): Promise<ResolverCalls[Name]['output']> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(name, input, attempt)
      } catch (error) {
        if (attempt >= this.#maxAttempts || !isTransient(error)) throw error
        // Full jitter: many incidents that are throttled together must not come back together.
        await sleep(Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** attempt))
      }
    }
  }

  /** All pages of a listing, of which `items` takes what it lists. @throws as `call` */
  async list<Name extends Listing, Item> (
    name: Name, input: ResolverCalls[Name]['input'], items: (page: ResolverCalls[Name]['output']) => Item[] | undefined
  ): Promise<Item[]> {
    const found: Item[] = []
    let NextToken: string | undefined
    do {
      const page = await this.call(name, { ...input, MaxResults: PAGE, ...NextToken !== undefined && { NextToken } })
      found.push(...items(page) ?? [])
      NextToken = page.NextToken
    } while (NextToken)
    return found
  }

  async #attempt<Output> (name: string, input: unknown, attempts: number): Promise<Output> {
    const body = JSON.stringify(input)
    const { accessKeyId, secretAccessKey, sessionToken } = await this.#credentials()
    const { url, method, headers } = await new AwsV4Signer({
      url: this.#endpoint,
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Route53Resolver.${name}` },
      body,
      accessKeyId,
      secretAccessKey,
      ...sessionToken !== undefined && { sessionToken },
      service: 'route53resolver',
      region: this.#region,
      cache: this.#signingKeys
    }).sign()
    const { response, text } = await this.#fetch(name, url, { method, headers, body })
    if (response.ok) return JSON.parse(text) as Output
    const requestId = response.headers.get('x-amzn-requestid')
    throw new ResolverError(...errorIn(response, text), { httpStatusCode: response.status, ...requestId !== null && { requestId }, attempts })
  }

  async #fetch (name: string, url: URL, init: RequestInit): Promise<{ response: Response, text: string }> {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(this.#requestTimeoutMs) })
      return { response, text: await response.text() }
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') throw unanswered('TimeoutError', `${name} was not answered in ${this.#requestTimeoutMs} ms`, error)
      const { code } = (error as { cause?: { code?: string } }).cause ?? {}
      throw unanswered('NetworkError', `${name} could not be sent: ${code ?? (error as Error).message}`, error)
    }
  }
}

/** AWS General Reference, "Amazon Route 53 endpoints and quotas". */
function awsEndpoint (region: string): string {
  return `https://route53resolver.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`
}

/** `code` is what Node's own errors of the network carry, so that this one means the same to whoever reads it. */
function unanswered (name: string, message: string, cause: unknown): Error {
  const error = Object.assign(new Error(message, { cause }), { code: 'ECONNRESET' })
  error.name = name
  return error
}

/** AWS JSON 1.1: the code stands in the body's `__type`, after a `#`, or in a header, before a `:`. */
function errorIn (response: Response, text: string): [name: string, message: string] {
  let body: { __type?: string, message?: string, Message?: string } = {}
  try {
    body = JSON.parse(text) as typeof body
  } catch {
    // A load balancer's page, not Resolver's answer: the status says what there is to say.
  }
  const type = response.headers.get('x-amzn-errortype')?.split(':')[0] ?? body.__type ?? 'UnknownError'
  return [type.slice(type.lastIndexOf('#') + 1), body.message ?? body.Message ?? `HTTP ${response.status}`]
}

function isTransient (error: unknown): boolean {
  if (error instanceof ResolverError) return error.$metadata.httpStatusCode >= 500 || error.$metadata.httpStatusCode === 429 || THROTTLING.test(error.name)
  return (error as { code?: unknown }).code === 'ECONNRESET'
}
