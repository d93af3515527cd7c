import assert from 'node:assert/strict'
import { closingLine, countsOfJunit, sum, verdict } from '../counts.ts'

const none = { passed: 0, failed: 0, skipped: 0 }

describe('the verdict on a test run', () => {
  it('is what the suite counted', () => {
    assert.deepEqual(verdict(0, { passed: 3, failed: 0, skipped: 1 }), { passed: 3, failed: 0, skipped: 1 })
    assert.deepEqual(verdict(2, { passed: 3, failed: 2, skipped: 0 }), { passed: 3, failed: 2, skipped: 0 })
  })

  it('is a failure when the suite crashed, was ended or ran nothing', () => {
    assert.equal(verdict(1, { passed: 3, failed: 0, skipped: 0 }).failed, 1)
    assert.equal(verdict(null, undefined).failed, 1)
    assert.equal(verdict(0, undefined).failed, 1)
    assert.equal(verdict(0, none).failed, 1)
  })

  it('counts pytest\'s errors as failures', () => {
    const xml = '<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="1.2"></testsuite></testsuites>'
    assert.deepEqual(countsOfJunit(xml), { passed: 4, failed: 3, skipped: 3 })
  })

  it('closes with the sum of all suites', () => {
    assert.equal(closingLine(sum([{ passed: 1, failed: 0, skipped: 0 }, { passed: 2, failed: 1, skipped: 0 }])), '3 passed, 1 failed')
    assert.equal(closingLine(sum([{ passed: 1, failed: 0, skipped: 2 }])), '1 passed, 0 failed, 2 skipped')
    assert.equal(closingLine(sum([])), '0 passed, 0 failed')
  })
})
