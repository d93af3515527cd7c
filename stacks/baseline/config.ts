/**
 * The baseline's stack configuration: typed, with defaults that need nothing but `aws:region`, and
 * refused as a whole, with every violation and its fix named at once, before AWS is touched.
 */
import * as pulumi from '@pulumi/pulumi'
import { Type, type Static, type TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { DEFAULT_BASELINE_PARAMETER } from './outputs.ts'

export const CONFIG_NAMESPACE = 'cleanroom'

const Principals = (description: string) => Type.Array(
  Type.String({ pattern: '^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.+$', description: 'ARN of a role or user' }), { description, default: [] }
)

export const BaselineConfig = Type.Object({
  namePrefix: Type.String({
    pattern: '^[a-z][a-z0-9-]{1,18}[a-z0-9]$',
    description: 'Start of every name; another one for a second baseline in the account',
    default: 'cleanroom'
  }),
  parameterName: Type.String({
    pattern: '^/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,13}$',
    description: 'The parameter that tells the controller where everything is',
    default: DEFAULT_BASELINE_PARAMETER
  }),
  retention: Type.Object({
    mode: Type.Enum(['GOVERNANCE', 'COMPLIANCE'], { default: 'GOVERNANCE' }),
    days: Type.Integer({ minimum: 1, maximum: 36500, default: 90 })
  }, { additionalProperties: false, description: 'Object Lock: what evidence gets unless it says more', default: {} }),
  keepEvidence: Type.Boolean({
    description: 'Whether `pulumi destroy` leaves the vault and its keys; without it an empty vault goes, too',
    default: true
  }),
  workstation: Type.Object({
    image: Type.String({
      pattern: '^(ami-[0-9a-f]{8,17}|/[A-Za-z0-9_./-]+)$',
      description: 'AMI id, or the name of the SSM parameter that holds it',
      default: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64'
    }),
    instanceTypes: Type.Array(Type.String({ pattern: '^[a-z0-9-]+\\.[a-z0-9-]+$' }), {
      minItems: 1, description: 'In order of preference', default: ['m6i.xlarge', 'm6a.xlarge', 'm5.xlarge']
    })
  }, { additionalProperties: false, default: {} }),
  trustedPrincipals: Principals('Who may act as the controller besides its ECS service'),
  investigators: Principals('Who may read cases'),
  breakGlassPrincipals: Principals('Who may break the glass, with a second factor; default: whoever the account\'s IAM allows'),
  allowedAccounts: Type.Array(Type.String({ pattern: '^[0-9]{12}$' }), { description: 'Accounts in scope besides this one', default: [] }),
  allowedRegions: Type.Array(Type.String({ pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]$' }), { description: 'Regions in scope besides this one', default: [] }),
  notificationEmails: Type.Array(Type.String({ pattern: '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$' }), {
    description: 'Who is told; each address gets a request to confirm', default: []
  })
}, { additionalProperties: false })
export type BaselineConfig = Static<typeof BaselineConfig>

/** The stack's settings of our namespace, as the engine gives them: text, structures as JSON. */
export function stackConfig (): BaselineConfig {
  const own = Object.entries(pulumi.runtime.allConfig())
    .filter(([key]) => key.startsWith(`${CONFIG_NAMESPACE}:`))
    .map(([key, value]) => [key.slice(CONFIG_NAMESPACE.length + 1), value] as const)
  return parseConfig(Object.fromEntries(own))
}

/**
 * The configuration with its defaults, from settings given as text.
 * @throws pulumi.RunError naming every violation and how to mend it
 */
export function parseConfig (settings: Record<string, string>): BaselineConfig {
  const given = Object.fromEntries(Object.entries(settings).map(([key, text]) => [key, fromText(key, text)]))
  const config = Value.Default(BaselineConfig, given)
  const violations = allErrors(config).flatMap(describe(given))
  if (violations.length) {
    const unique = [...new Set(violations)]
    throw new pulumi.RunError(`The configuration has ${unique.length} violation${unique.length > 1 ? 's' : ''}; nothing was changed.\n` +
      unique.map(violation => `  - ${violation}`).join('\n'))
  }
  return config as BaselineConfig
}

/** The same, the other way round: what `pulumi config` would hold. */
export function toSettings (config: { [K in keyof BaselineConfig]?: unknown }): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]))
}

/** TypeBox stops at eight errors unless told otherwise, for the whole process: told so, for this one call. */
function allErrors (config: unknown) {
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: 1000 })
  try {
    return Value.Errors(BaselineConfig, config)
  } finally {
    Settings.Set({ maxErrors })
  }
}

function fromText (key: string, text: string): unknown {
  const schema = (BaselineConfig.properties as Record<string, TSchema>)[key]
  if (!schema || (schema as { type?: string }).type === 'string') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A validation error in words: which setting, what is wrong, the command that mends it. */
function describe (given: Record<string, unknown>) {
  return (error: { keyword: string, instancePath: string, message: string, params: object }): string[] => {
    const path = error.instancePath.split('/').slice(1)
    if (error.keyword === 'additionalProperties') {
      return (error.params as { additionalProperties: string[] }).additionalProperties.map(name => {
        const setting = settingName([...path, name])
        const known = Object.keys((at(BaselineConfig, path) as { properties?: object } | undefined)?.properties ?? {})
        return `${setting} is not known (known here: ${known.join(', ')}). Remove it: pulumi config rm --path '${setting}'`
      })
    }
    // A union reports each of its branches besides itself: once is enough.
    if (error.keyword === 'boolean') return []
    const schema = at(BaselineConfig, path) as { pattern?: string, default?: unknown, description?: string } | undefined
    const value = path.reduce<unknown>((within, key) => (within as Record<string, unknown> | undefined)?.[key], given)
    const example = schema?.default === undefined || typeof schema.default === 'object' ? 'VALUE' : String(schema.default)
    const setting = settingName(path)
    return [`${setting} ${error.message} (it is ${JSON.stringify(value)}). Set it: pulumi config set --path '${setting}' ${example}`]
  }
}

const settingName = (path: string[]): string =>
  `${CONFIG_NAMESPACE}:${path.map((part, index) => /^\d+$/.test(part) ? `[${part}]` : (index ? '.' : '') + part).join('')}`

/** The part of a schema that a path of an instance leads to. */
function at (schema: unknown, path: string[]): unknown {
  return path.reduce<unknown>((within, key) => {
    const { properties, items } = (within ?? {}) as { properties?: Record<string, unknown>, items?: unknown }
    return properties?.[key] ?? items
  }, schema)
}
