import assert from 'node:assert/strict'
import { goVersionOf, isAtLeast, judgePulumi, packagesAmiss, parseVersion } from './decisions.mjs'

describe('versions', () => {
  it('are found in what programs say of themselves', () => {
    assert.deepEqual(parseVersion('v3.250.0'), [3, 250, 0])
    assert.deepEqual(parseVersion('go1.26.8'), [1, 26, 8])
    assert.deepEqual(parseVersion('go1.27rc1'), [1, 27, 0])
    assert.deepEqual(parseVersion('3.11.7 (main, Sep  1 2026) [GCC 12.2.0]'), [3, 11, 7])
    assert.equal(parseVersion('command not found'), undefined)
  })

  it('are compared as numbers, part by part', () => {
    assert.ok(isAtLeast([3, 10, 0], [3, 9]))
    assert.ok(isAtLeast([1, 25, 11], [1, 25, 11]))
    assert.ok(!isAtLeast([1, 25, 4], [1, 25, 11]))
    assert.ok(isAtLeast([2, 0, 0], [1, 25, 11]))
  })

  it('of Go are taken from go.mod', () => {
    assert.deepEqual(goVersionOf('module cleanroom/pulumi-cli\n\ngo 1.25.11\n\nrequire x v1.99.0\n'), [1, 25, 11])
  })
})

describe('a Pulumi that is already installed', () => {
  const verdict = (printed: string) => judgePulumi(printed, '3.248.0')

  it('is used when it is as new as the SDK', () => {
    assert.equal(verdict('v3.248.0\n').accepted, true)
    assert.equal(verdict('v3.301.2-dev.1\n').accepted, true)
  })

  it('is passed over, with the reason, when it is older, of another major version or broken', () => {
    assert.deepEqual(verdict('v3.90.1\n'), { accepted: false, reason: 'it is version 3.90.1, older than the SDK 3.248.0' })
    assert.match(verdict('v4.0.0').reason, /needs 3\.x/)
    assert.match(verdict('error: no such file').reason, /instead of a version/)
  })
})

describe('node_modules', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/pg': { version: '8.23.1', integrity: 'sha512-a' },
      'node_modules/@esbuild/aix-ppc64': { version: '0.28.1', integrity: 'sha512-b', optional: true }
    }
  }
  const installed = (pg: object) => ({ packages: { 'node_modules/pg': pg } })

  it('is as locked when npm recorded the same packages, whatever else is there for other platforms', () => {
    assert.deepEqual(packagesAmiss(lock, installed({ version: '8.23.1', integrity: 'sha512-a' })), [])
  })

  it('is not as locked when a package is missing, of another version or of other bytes', () => {
    assert.deepEqual(packagesAmiss(lock, undefined), ['node_modules/pg'])
    assert.deepEqual(packagesAmiss(lock, { packages: {} }), ['node_modules/pg'])
    assert.deepEqual(packagesAmiss(lock, installed({ version: '8.23.0', integrity: 'sha512-a' })), ['node_modules/pg'])
    assert.deepEqual(packagesAmiss(lock, installed({ version: '8.23.1', integrity: 'sha512-x' })), ['node_modules/pg'])
  })
})
