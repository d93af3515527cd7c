import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose'
import { codeOf } from '../incident/errors.ts'
import { oidcIdentity } from './identity.ts'

const AUDIENCE = 'cleanroom'

describe('identity by OpenID Connect', () => {
  let server: Server
  let issuer: string
  let named: string | undefined
  let up: boolean
  let own: CryptoKey
  let foreign: CryptoKey

  before(async () => {
    const pair = await generateKeyPair('ES256')
    own = pair.privateKey
    foreign = (await generateKeyPair('ES256')).privateKey
    const jwk = { ...await exportJWK(pair.publicKey), kid: 'one', alg: 'ES256', use: 'sig' }
    server = createServer(({ url }, response) => {
      const documents: Record<string, unknown> = {
        '/.well-known/openid-configuration': { issuer: named ?? issuer, jwks_uri: `${issuer}/keys` },
        '/keys': { keys: [jwk] }
      }
      response.writeHead(up ? 200 : 503, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(documents[url!]))
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => { server.close() })
  beforeEach(() => {
    named = undefined
    up = true
  })

  const identity = (rolesClaim = 'roles') => oidcIdentity({ issuer, audience: AUDIENCE, rolesClaim })
  const valid = (): JWTPayload => ({ iss: issuer, aud: AUDIENCE, sub: 'user-1', exp: Math.floor(Date.now() / 1000) + 600, roles: ['responder'] })
  const sign = async (claims: JWTPayload, key = own, kid = 'one'): Promise<string> => await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(key)

  it('is what the issuer\'s token says', async () => {
    assert.deepEqual(await identity().verify(await sign({ ...valid(), name: 'Ada' })), { subject: 'user-1', name: 'Ada', roles: ['responder'] })
    assert.equal((await identity().verify(await sign({ ...valid(), email: 'ada@example.org' }))).name, 'ada@example.org')
    assert.equal((await identity().verify(await sign(valid()))).name, 'user-1')
  })

  for (const [what, rolesClaim, claims, roles] of [
    ['a list, without roles of others', 'roles', { roles: ['viewer', 'approver', 'analyst'] }, ['analyst', 'approver']],
    ['words', 'scope', { scope: 'openid responder admin' }, ['responder', 'admin']],
    ['a claim deep inside', 'realm_access.roles', { realm_access: { roles: ['analyst'] } }, ['analyst']],
    ['a claim with a dot in its name', 'https://example.org/roles', { 'https://example.org/roles': ['admin'] }, ['admin']],
    ['nothing', 'roles', { roles: undefined }, []],
    ['something that is no list', 'roles', { roles: { admin: true } }, []]
  ] as const) {
    it(`reads roles from ${what}`, async () => {
      assert.deepEqual((await identity(rolesClaim).verify(await sign({ ...valid(), ...claims }))).roles, roles)
    })
  }

  it('bears with clocks that differ a little', async () => {
    const now = Math.floor(Date.now() / 1000)
    await identity().verify(await sign({ ...valid(), exp: now - 5, nbf: now - 60 }))
    await identity().verify(await sign({ ...valid(), nbf: now + 5 }))
  })

  const refused: Array<[what: string, token: () => Promise<string>, words: RegExp]> = [
    ['expired', async () => await sign({ ...valid(), exp: Math.floor(Date.now() / 1000) - 300 }), /expired/],
    ['not valid yet', async () => await sign({ ...valid(), nbf: Math.floor(Date.now() / 1000) + 300 }), /nbf/],
    ['without an end', async () => await sign({ ...valid(), exp: undefined }), /exp/],
    ['without a subject', async () => await sign({ ...valid(), sub: undefined }), /sub/],
    ['for another audience', async () => await sign({ ...valid(), aud: 'payroll' }), /aud/],
    ['of another issuer', async () => await sign({ ...valid(), iss: 'https://elsewhere.example.org' }), /iss/],
    ['signed by another key of the same name', async () => await sign(valid(), foreign), /not signed by/],
    ['signed by an unknown key', async () => await sign(valid(), foreign, 'two'), /not signed by/],
    ['not signed', async () => new UnsecuredJWT(valid()).encode(), /algorithm|well-formed/],
    ['signed by a shared secret', async () => await new SignJWT(valid()).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32)), /algorithm/],
    ['no token at all', async () => 'nonsense', /well-formed/],
    ['changed', async () => {
      const [header, , signature] = (await sign(valid())).split('.')
      return [header, Buffer.from(JSON.stringify({ ...valid(), roles: ['admin'] })).toString('base64url'), signature].join('.')
    }, /not signed by/]
  ]
  for (const [what, token, words] of refused) {
    it(`refuses a token that is ${what}`, async () => {
      await assert.rejects(identity().verify(await token()), (error) => {
        assert.equal(codeOf(error), 'UNAUTHENTICATED')
        assert.match((error as Error).message, words)
        return true
      })
    })
  }

  it('does not blame the token when the issuer can\'t be asked, and asks again', async () => {
    up = false
    const known = identity()
    await assert.rejects(known.verify(await sign(valid())), (error) => codeOf(error) !== 'UNAUTHENTICATED')
    up = true
    assert.equal((await known.verify(await sign(valid()))).subject, 'user-1')
  })

  it('does not believe a discovery document of another issuer', async () => {
    named = 'https://elsewhere.example.org'
    await assert.rejects(identity().verify(await sign(valid())), /discovery document of https:\/\/elsewhere/)
  })
})
