import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { runPackageDocument } from './run-package-document.ts'

interface Document {
  parameters: Record<string, { allowedPattern: string, default?: string }>
  mainSteps: Array<{ action: string, inputs: { runCommand: string[], timeoutSeconds: string } }>
}

const bootstrap = readFileSync(new URL('../../scripts/run-package/bootstrap.py', import.meta.url), 'utf8')
const document = runPackageDocument(bootstrap) as Document
const script = document.mainSteps[0]?.inputs.runCommand ?? []

describe('run-package document', () => {
  it('carries the bootstrap as it stands in the repository, as the input of python3', () => {
    const start = script.indexOf("exec python3 - <<'CLEANROOM_BOOTSTRAP'")
    assert.ok(start > 0)
    assert.equal(script.slice(start + 1, -1).join('\n'), bootstrap.trimEnd())
    assert.equal(script.at(-1), 'CLEANROOM_BOOTSTRAP')
  })

  it('gives the bootstrap every variable that it asks for', () => {
    const asked = new Set(bootstrap.match(/"CLEANROOM_[A-Z0-9_]+"/g)?.map(name => name.slice(1, -1)))
    asked.delete('CLEANROOM_DEVICE_DIR')
    const given = script.flatMap(line => /^export (CLEANROOM_\w+)=/.exec(line)?.[1] ?? [])
    assert.deepEqual([...asked].filter(name => !given.includes(name)), [])
  })

  it('leaves a parameter no way out of its quotes', () => {
    const hostile = ["'; reboot; '", '$(id)', '`id`', 'a b', 'a\nb', '"', '\\', '{{ Bucket }}', '']
    for (const [name, { allowedPattern }] of Object.entries(document.parameters)) {
      for (const text of hostile) {
        for (const value of [text, `packages/${text}x.zip`, `incidents/${text}x`, `aa${text}aa`].filter(candidate => /[^\w./-]/.test(candidate) || candidate === '')) {
          assert.doesNotMatch(value, new RegExp(allowedPattern), name)
        }
      }
    }
    for (const name of Object.keys(document.parameters).filter(parameter => parameter !== 'ExecutionTimeout')) {
      assert.equal(script.filter(line => line.includes(`{{ ${name} }}`)).length, 1, name)
      assert.ok(script.some(line => line.endsWith(`='{{ ${name} }}'`)), name)
    }
  })

  it('takes what the controller sends', () => {
    const sent = {
      Bucket: 'cleanroom-evidence-123456789012-eu-central-1',
      PackageKey: `packages/disk-analysis/1.0.0/${'a'.repeat(64)}.zip`,
      PackageSha256: 'a'.repeat(64),
      OutputPrefix: 'incidents/inc-01JXYZ/analysis/01JXYZ',
      Arguments: Buffer.from(JSON.stringify({ volumes: [{ device: '/dev/sdf' }], text: 'ü>?~' })).toString('base64'),
      TimeBudgetSeconds: '1800'
    }
    for (const [name, value] of Object.entries(sent)) assert.match(value, new RegExp(document.parameters[name]?.allowedPattern ?? '$^'), name)
    const needed = Object.entries(document.parameters).filter(([, parameter]) => parameter.default === undefined).map(([name]) => name)
    assert.deepEqual(needed.sort(), Object.keys(sent).sort())
  })

  it('refuses a bootstrap that Systems Manager would read as parameters, or that ends its own quoting', () => {
    assert.throws(() => runPackageDocument('print(f"{{x}}")'), /must not contain/)
    assert.throws(() => runPackageDocument('a = 1\nCLEANROOM_BOOTSTRAP\nreboot'), /must not contain/)
    assert.throws(() => runPackageDocument('#'.repeat(65 * 1024)), /Systems Manager takes/)
  })
})
