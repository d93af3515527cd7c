/**
 * Callers by OpenID Connect: bearer tokens signed by the configured issuer, whose keys are found by its
 * discovery document (OpenID Connect Discovery 1.0, section 4) and kept by `jose` until they change.
 */
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { CleanroomError, messageOf } from '../incident/errors.ts'
import { ROLES, type Caller, type IdentityPort, type Role } from './ports.ts'

export interface OidcOptions {
  issuer: string
  audience: string
  /** Name of the claim with the roles, or a path to it with dots, as `realm_access.roles`. */
  rolesClaim: string
}

const CLOCK_TOLERANCE_SECONDS = 30
const DISCOVERY_LIMIT_MS = 5_000
/** Public-key signatures only: a shared secret would let whoever verifies sign as well. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA', 'Ed25519']

const Discovery = Type.Object({ issuer: Type.String(), jwks_uri: Type.String() })

/** What a token can lack, by the code of the error that `jose` throws. Any other error is the issuer's. */
const FAULTS: Partial<Record<string, string>> = {
  [errors.JWTExpired.code]: 'The token has expired.',
  [errors.JWTClaimValidationFailed.code]: 'The token is not for this service, or not yet valid',
  [errors.JWTInvalid.code]: 'The token is not a well-formed JWT.',
  [errors.JWSInvalid.code]: 'The token is not a well-formed JWT.',
  [errors.JWSSignatureVerificationFailed.code]: 'The token is not signed by the configured issuer.',
  [errors.JWKSNoMatchingKey.code]: 'The token is not signed by the configured issuer.',
  [errors.JWKSMultipleMatchingKeys.code]: 'The token does not say which of the issuer\'s keys signed it.',
  [errors.JOSEAlgNotAllowed.code]: 'The token is signed by an algorithm that is not accepted.',
  [errors.JOSENotSupported.code]: 'The token is signed by an algorithm that is not accepted.'
}

export function oidcIdentity ({ issuer, audience, rolesClaim }: OidcOptions): IdentityPort {
  let keys: Promise<JWTVerifyGetKey> | undefined
  const issuerKeys = async (): Promise<JWTVerifyGetKey> => {
    keys ??= discoverKeys(issuer).catch((error: unknown) => {
      keys = undefined
      throw error
    })
    return await keys
  }
  return {
    verify: async (token) => {
      const getKey = await issuerKeys().catch((error: unknown) => { throw unavailable(error) })
      try {
        const { payload } = await jwtVerify(token, getKey, {
          issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_SECONDS, requiredClaims: ['exp', 'sub']
        })
        return callerOf(payload, rolesClaim)
      } catch (error) {
        throw refusal(error)
      }
    }
  }
}

function unavailable (error: unknown): CleanroomError {
  return new CleanroomError('IDENTITY_UNAVAILABLE', `The issuer could not be asked: ${messageOf(error)}`, { cause: error })
}

async function discoverKeys (issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const answer = await fetch(url, { signal: AbortSignal.timeout(DISCOVERY_LIMIT_MS), redirect: 'error' })
  const discovery: unknown = answer.ok ? await answer.json() : undefined
  if (!Value.Check(Discovery, discovery)) throw new Error(`${url} answers ${answer.status} and no discovery document`)
  // Section 4.3: another issuer's document must not be believed.
  if (discovery.issuer !== issuer) throw new Error(`${url} is the discovery document of ${discovery.issuer}`)
  return createRemoteJWKSet(new URL(discovery.jwks_uri))
}

/** An error of the token, or of the issuer that could not be asked about it. */
function refusal (error: unknown): unknown {
  const fault = error instanceof errors.JOSEError ? FAULTS[error.code] : undefined
  if (fault === undefined) return unavailable(error)
  const claim = error instanceof errors.JWTClaimValidationFailed ? `: its claim \`${error.claim}\` is not accepted.` : ''
  return new CleanroomError('UNAUTHENTICATED', fault + claim, { cause: error, extra: { tokenPresented: true } })
}

function callerOf (claims: JWTPayload, rolesClaim: string): Caller {
  const subject = claims.sub ?? ''
  const name = [claims.name, claims.preferred_username, claims.email].find((value) => typeof value === 'string' && value !== '')
  return { subject, name: (name as string | undefined) ?? subject, roles: rolesOf(claims, rolesClaim) }
}

/** The known ones of a list, or of a string with spaces between. */
function rolesOf (claims: JWTPayload, rolesClaim: string): Role[] {
  const claim = rolesClaim in claims
    ? claims[rolesClaim]
    : rolesClaim.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], claims)
  const said: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : []
  return ROLES.filter((role) => said.includes(role))
}
