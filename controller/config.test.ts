import assert from 'node:assert/strict'
import { readConfig } from './config.ts'

const LEAST = { CLEANROOM_REGION: 'eu-central-1', CLEANROOM_OIDC_ISSUER: 'https://login.example' }

describe('the controller\'s configuration', () => {
  it('needs a Region and an issuer, and has a default for the rest', () => {
    const config = readConfig(LEAST)
    assert.equal(config.port, 8080)
    assert.equal(config.baselineParameter, '/cleanroom/baseline')
    assert.equal(config.databaseUrl, undefined)
  })

  it('takes the Region of the AWS SDKs where it has none of its own', () => {
    assert.equal(readConfig({ ...LEAST, CLEANROOM_REGION: undefined, AWS_REGION: 'us-east-1' }).region, 'us-east-1')
  })

  it('names every variable that is wrong, all at once', () => {
    assert.throws(() => readConfig({ CLEANROOM_REGION: 'nowhere', CLEANROOM_PORT: '99999', CLEANROOM_LOG_LEVEL: 'loud' }), (error: Error) => {
      for (const name of ['CLEANROOM_REGION', 'CLEANROOM_PORT', 'CLEANROOM_LOG_LEVEL', 'CLEANROOM_OIDC_ISSUER']) assert.match(error.message, new RegExp(name))
      return true
    })
  })

  it('listens on this machine alone unless told otherwise', () => {
    assert.equal(readConfig(LEAST).host, '127.0.0.1')
  })
})
