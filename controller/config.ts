/**
 * The controller's configuration: `CLEANROOM_*` environment variables, checked whole at start.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { envSchema } from 'env-schema'
import { Type, type Static } from 'typebox'
import { DEFAULT_BASELINE_PARAMETER } from '../stacks/baseline/outputs.ts'

const Environment = Type.Object({
  CLEANROOM_HOST: Type.String({ default: '127.0.0.1' }),
  CLEANROOM_PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 8080 }),
  CLEANROOM_REGION: Type.Optional(Type.String({ pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]$' })),
  AWS_REGION: Type.Optional(Type.String()),
  CLEANROOM_BASELINE_PARAMETER: Type.String({ default: DEFAULT_BASELINE_PARAMETER, pattern: '^/' }),
  CLEANROOM_DATABASE_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://' })),
  CLEANROOM_STATE_DIR: Type.String({ default: join(homedir(), '.local', 'state', 'cleanroom') }),
  CLEANROOM_OIDC_ISSUER: Type.String({ pattern: '^https?://' }),
  CLEANROOM_OIDC_AUDIENCE: Type.String({ default: 'cleanroom' }),
  CLEANROOM_OIDC_ROLES_CLAIM: Type.String({ default: 'roles' }),
  CLEANROOM_ROOM_LIFETIME_HOURS: Type.Integer({ minimum: 1, maximum: 24 * 90, default: 168 }),
  CLEANROOM_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], { default: 'info' }),
  CLEANROOM_PULUMI_HOME: Type.Optional(Type.String()),
  CLEANROOM_READY_FILE: Type.Optional(Type.String())
})

export interface Config {
  host: string
  /** 0 takes any free port. */
  port: number
  region: string
  baselineParameter: string
  /** Undefined: the controller runs a PostgreSQL of its own in the state directory. */
  databaseUrl?: string
  stateDir: string
  oidc: { issuer: string, audience: string, rolesClaim: string }
  roomLifetimeHours: number
  logLevel: Static<typeof Environment>['CLEANROOM_LOG_LEVEL']
  /** Directory with bin/pulumi; absent: `pulumi` on PATH. */
  pulumiHome?: string
  /** Where the address is written once the controller listens, for whoever started it. */
  readyFile?: string
}

/** @throws Error naming every variable that is wrong */
export function readConfig (environment: NodeJS.ProcessEnv): Config {
  const { additionalProperties, ...schema } = { ...Environment, additionalProperties: false }
  const env = envSchema<Static<typeof Environment>>({ schema, data: environment, env: false })
  const region = env.CLEANROOM_REGION ?? env.AWS_REGION
  if (!region) throw new Error('CLEANROOM_REGION (or AWS_REGION) must name the Region of the baseline')
  return {
    host: env.CLEANROOM_HOST,
    port: env.CLEANROOM_PORT,
    region,
    baselineParameter: env.CLEANROOM_BASELINE_PARAMETER,
    ...env.CLEANROOM_DATABASE_URL && { databaseUrl: env.CLEANROOM_DATABASE_URL },
    stateDir: env.CLEANROOM_STATE_DIR,
    oidc: { issuer: env.CLEANROOM_OIDC_ISSUER, audience: env.CLEANROOM_OIDC_AUDIENCE, rolesClaim: env.CLEANROOM_OIDC_ROLES_CLAIM },
    roomLifetimeHours: env.CLEANROOM_ROOM_LIFETIME_HOURS,
    logLevel: env.CLEANROOM_LOG_LEVEL,
    ...env.CLEANROOM_PULUMI_HOME && { pulumiHome: env.CLEANROOM_PULUMI_HOME },
    ...env.CLEANROOM_READY_FILE && { readyFile: env.CLEANROOM_READY_FILE }
  }
}
