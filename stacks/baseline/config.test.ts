import assert from 'node:assert/strict'
import { parseConfig, toSettings } from './config.ts'

describe('stack configuration', () => {
  it('needs nothing but a Region', () => {
    const config = parseConfig({})
    assert.equal(config.namePrefix, 'cleanroom')
    assert.deepEqual(config.retention, { mode: 'GOVERNANCE', days: 90 })
    assert.equal(config.keepEvidence, true)
    assert.ok(config.workstation.instanceTypes.length > 0)
  })

  it('keeps the defaults of what a structure leaves out', () => {
    assert.deepEqual(parseConfig({ retention: '{"days":7}' }).retention, { mode: 'GOVERNANCE', days: 7 })
  })

  it('reads back what it would write', () => {
    const config = parseConfig({ retention: '{"mode":"COMPLIANCE","days":365}', notificationEmails: '["soc@example.org"]', keepEvidence: 'false' })
    assert.deepEqual(parseConfig(toSettings(config)), config)
  })

  it('reports every violation at once, each with the command that mends it', () => {
    const settings = {
      namePrefix: 'X',
      parameterName: 'no-slash',
      retention: '{"mode":"NONE","days":0,"hours":3}',
      keepEvidence: 'maybe',
      workstation: '{"image":"ami-x","instanceTypes":[]}',
      trustedPrincipals: '["somebody"]',
      allowedAccounts: '["12"]',
      allowedRegions: '["mars"]',
      notificationEmails: 'soc',
      retentoin: '{}'
    }
    const wrong = [
      'namePrefix', 'parameterName', 'retention.mode', 'retention.days', 'retention.hours', 'keepEvidence', 'workstation.image',
      'workstation.instanceTypes', 'trustedPrincipals[0]', 'allowedAccounts[0]', 'allowedRegions[0]', 'notificationEmails', 'retentoin'
    ]
    assert.throws(() => parseConfig(settings), (error: Error) => {
      const lines = error.message.split('\n').slice(1)
      assert.equal(lines.length, wrong.length)
      for (const setting of wrong) {
        assert.ok(lines.some(line => line.includes(`- cleanroom:${setting} `) && /pulumi config (set|rm) --path/.test(line)), setting)
      }
      return true
    })
  })

  it('refuses settings that it does not know, at any depth, and says which it knows', () => {
    assert.throws(() => parseConfig({ retension: '1' }), /cleanroom:retension is not known \(known here: .*retention/)
    assert.throws(() => parseConfig({ retention: '{"day":1}' }), /cleanroom:retention\.day is not known \(known here: mode, days\)/)
  })
})
