/** The provider's own settings: from `new aws.Provider(…)`, stack configuration or the environment. */
import type { STSClientConfig } from '@aws-sdk/client-sts'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { may, must, UNKNOWN, type Properties } from './schema.ts'
import type { Failure, Tags } from './resource-type.ts'

const assumeRole = must.object({
  duration: may.text({ pattern: '^([0-9]+h)?([0-9]+m)?([0-9]+s)?$' }),
  externalId: may.text(),
  policy: may.json(),
  policyArns: may.list(Type.String()),
  roleArn: may.text(),
  sessionName: may.text(),
  sourceIdentity: may.text(),
  tags: may.map(),
  transitiveTagKeys: may.list(Type.String())
})

const settingsSchema = must.object({
  accessKey: may.text(),
  secretKey: may.text(),
  token: may.text(),
  profile: may.text(),
  region: may.text(),
  stsRegion: may.text(),
  allowedAccountIds: may.list(Type.String()),
  forbiddenAccountIds: may.list(Type.String()),
  assumeRoles: may.list(assumeRole),
  defaultTags: may.object({ tags: may.map() }),
  ignoreTags: may.object({ keys: may.list(Type.String()), keyPrefixes: may.list(Type.String()) }),
  endpoints: may.list(Type.Record(Type.String(), Type.String())),
  maxRetries: may.number({ minimum: 0 }),
  s3UsePathStyle: may.flag(),
  insecure: may.flag(),
  skipCredentialsValidation: may.flag(),
  skipMetadataApiCheck: may.flag(),
  skipRegionValidation: may.flag(),
  skipRequestingAccountId: may.flag()
})
type Settings = Static<typeof settingsSchema>

export interface ProviderConfig {
  region: string
  credentials?: NonNullable<STSClientConfig['credentials']>
  accountId: string
  partition: string
  defaultTags: Tags
  ignoredTag (key: string): boolean
  endpoints: Record<string, string>
  maxRetries: number
  s3UsePathStyle?: boolean
}

/** Facts that the engine itself puts among a provider's inputs. */
const ENGINE_KEYS = new Set(['version', 'pluginDownloadURL', '__internal'])

/** Lists, objects, numbers and flags arrive as JSON text, as the published SDK sends them. */
function decode (inputs: Properties): Properties {
  const decoded: Properties = {}
  for (const [key, value] of Object.entries(inputs)) {
    if (ENGINE_KEYS.has(key) || value === null || value === undefined || value === '') continue
    const expected = settingsSchema.properties[key as keyof Settings] as { type?: string } | undefined
    decoded[key] = typeof value === 'string' && value !== UNKNOWN && expected && expected.type !== 'string'
      ? parsed(value)
      : value
  }
  return decoded
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Everything that is wrong with the settings, at once. */
export function checkProviderConfig (inputs: Properties): Failure[] {
  const settings = decode(inputs)
  const failures: Failure[] = []
  for (const key of Object.keys(settings)) {
    if (!(key in settingsSchema.properties)) {
      failures.push({ property: key, reason: `the sandbox's aws provider does not know the setting "${key}"` })
    } else if (settings[key] !== UNKNOWN) {
      for (const error of Value.Errors(settingsSchema.properties[key as keyof Settings], settings[key])) {
        failures.push({ property: key + error.instancePath.replaceAll('/', '.'), reason: error.message })
      }
    }
  }
  return failures
}

/** Reads the settings and finds out who they act as: one STS call, refused accounts are an error. */
export async function resolveProviderConfig (inputs: Properties): Promise<ProviderConfig> {
  const settings = decode(inputs) as Settings
  const region = settings.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION
  if (!region) throw new Error('the aws provider has no region: set `aws:region`, the provider\'s `region` or AWS_REGION')
  const endpoints = Object.assign({}, ...settings.endpoints ?? []) as Record<string, string>
  const credentials = await credentialsFor(settings, region, endpoints.sts)
  const identity = settings.skipRequestingAccountId ? undefined : await whoAmI(region, credentials, endpoints.sts)
  const accountId = identity?.accountId ?? ''
  if (settings.allowedAccountIds?.length && !settings.allowedAccountIds.includes(accountId)) {
    throw new Error(`AWS account ID not allowed: ${accountId}`)
  }
  if (settings.forbiddenAccountIds?.includes(accountId)) throw new Error(`AWS account ID not allowed: ${accountId}`)
  const { keys = [], keyPrefixes = [] } = settings.ignoreTags ?? {}
  return {
    region,
    ...(credentials && { credentials }),
    accountId,
    partition: identity?.partition ?? 'aws',
    defaultTags: settings.defaultTags?.tags ?? {},
    ignoredTag: key => key.startsWith('aws:') || keys.includes(key) || keyPrefixes.some(prefix => key.startsWith(prefix)),
    endpoints,
    maxRetries: settings.maxRetries ?? 10,
    ...(settings.s3UsePathStyle !== undefined && { s3UsePathStyle: settings.s3UsePathStyle })
  }
}

async function whoAmI (region: string, credentials: ProviderConfig['credentials'], endpoint?: string) {
  const { STSClient, GetCallerIdentityCommand } = await import('@aws-sdk/client-sts')
  const sts = new STSClient({ region, ...(credentials && { credentials }), ...(endpoint && { endpoint }) })
  try {
    const { Account: accountId = '', Arn = '' } = await sts.send(new GetCallerIdentityCommand({}))
    return { accountId, partition: Arn.split(':')[1] ?? 'aws' }
  } finally {
    sts.destroy()
  }
}

/** Roles are assumed in order, each with the credentials of the one before it. */
async function credentialsFor (settings: Settings, region: string, endpoint?: string): Promise<ProviderConfig['credentials']> {
  let credentials: ProviderConfig['credentials']
  if (settings.accessKey && settings.secretKey) {
    credentials = {
      accessKeyId: settings.accessKey, secretAccessKey: settings.secretKey, ...(settings.token && { sessionToken: settings.token })
    }
  } else if (settings.profile) {
    const { fromIni } = await import('@aws-sdk/credential-providers')
    credentials = fromIni({ profile: settings.profile })
  }
  for (const role of settings.assumeRoles ?? []) {
    if (!role.roleArn) continue
    const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
    credentials = fromTemporaryCredentials({
      ...(credentials && { masterCredentials: credentials }),
      clientConfig: { region: settings.stsRegion ?? region, ...(endpoint && { endpoint }) },
      params: {
        RoleArn: role.roleArn,
        RoleSessionName: role.sessionName ?? `pulumi-${Date.now()}`,
        ...(role.externalId && { ExternalId: role.externalId }),
        ...(role.policy && { Policy: role.policy }),
        ...(role.policyArns && { PolicyArns: role.policyArns.map(arn => ({ arn })) }),
        ...(role.sourceIdentity && { SourceIdentity: role.sourceIdentity }),
        ...(role.duration && { DurationSeconds: seconds(role.duration) }),
        ...(role.tags && { Tags: Object.entries(role.tags).map(([Key, Value]) => ({ Key, Value })) }),
        ...(role.transitiveTagKeys && { TransitiveTagKeys: role.transitiveTagKeys })
      }
    })
  }
  return credentials
}

/** Go's notation for durations (`1h30m`), in seconds. */
function seconds (duration: string): number {
  const unit = { h: 3600, m: 60, s: 1 }
  return [...duration.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, of]) => sum + Number(count) * unit[of as 'h' | 'm' | 's'], 0)
}
