/**
 * An OpenID Connect issuer for the sandbox: discovery, keys, and tokens for four people.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export type Role = 'responder' | 'analyst' | 'approver' | 'admin'
export const ROLES: readonly Role[] = ['responder', 'analyst', 'approver', 'admin']

export interface IdentityIssuer {
  issuer: string
  /** One token a role, each another person's. */
  tokens: Record<Role, string>
  /** A token with these claims, for what goes wrong. */
  token: (claims: { subject: string, roles: string[], audience?: string, expiresIn?: string }) => Promise<string>
  stop: () => Promise<void>
}

const AUDIENCE = 'cleanroom'

/** Starts the issuer on a free port of 127.0.0.1. Its tokens hold for a day. */
export async function startIdentityIssuer (): Promise<IdentityIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const key = { ...await exportJWK(publicKey), kid: 'sandbox', use: 'sig', alg: 'ES256' }
  let issuer = ''
  const answers: Record<string, () => unknown> = {
    '/.well-known/openid-configuration': () => ({
      issuer, jwks_uri: `${issuer}/keys`, id_token_signing_alg_values_supported: ['ES256'], response_types_supported: ['id_token'], subject_types_supported: ['public']
    }),
    '/keys': () => ({ keys: [key] })
  }
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? '']
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer?.() ?? { error: 'not_found' }))
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const token: IdentityIssuer['token'] = async ({ subject, roles, audience = AUDIENCE, expiresIn = '1d' }) =>
    await new SignJWT({ roles, name: subject })
      .setProtectedHeader({ alg: 'ES256', kid: 'sandbox' })
      .setIssuer(issuer).setAudience(audience).setSubject(subject).setIssuedAt().setExpirationTime(expiresIn)
      .sign(privateKey)
  const people = await Promise.all(ROLES.map(async (role) => [role, await token({ subject: `${role}@sandbox.example`, roles: [role] })] as const))
  return {
    issuer,
    tokens: Object.fromEntries(people) as Record<Role, string>,
    token,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    }
  }
}
