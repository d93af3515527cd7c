/**
 * The web-shell scenario against the disk analysis: what was planted is found, and nothing else is loud.
 */
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { REPOSITORY, toolchain } from '../toolchain/paths.mjs'
import { volumeImage } from './machines.ts'
import { readScenario, type Scenario } from './scenario-file.ts'

interface Found { rule: string, severity: string, instanceId: string, volumeId: string, path: string }

const WEB_SHELL = fileURLToPath(new URL('web-shell', import.meta.url))

describe('the disk analysis of the web-shell scenario', function () {
  this.timeout(60_000)
  let directory: string
  let scenario: Scenario
  let findings: Found[]
  let unreadable: unknown[]

  before(async function () {
    const { analysisPython } = toolchain()
    // The set-up of `npm test` makes it; unit tests alone can do without.
    if (!existsSync(analysisPython)) this.skip()
    directory = mkdtempSync(join(tmpdir(), 'cleanroom-expect-'))
    scenario = readScenario(WEB_SHELL)
    const volumes: Array<Record<string, string>> = []
    for (const { name, volumes: disks } of scenario.instances) {
      for (const volume of disks) {
        const copy = `vol-${volumes.length}`
        symlinkSync(await volumeImage(WEB_SHELL, volume, directory), join(directory, `nvme-Amazon_Elastic_Block_Store_${copy.replace('-', '')}`))
        volumes.push({ volumeId: copy, device: '/dev/sdf', sourceVolumeId: `${name} ${volume.device}`, instanceId: name })
      }
    }
    writeFileSync(join(directory, 'arguments.json'), JSON.stringify({ incidentId: 'inc-1', volumes }))
    mkdirSync(join(directory, 'out'))
    execFileSync(analysisPython, ['-B', 'main.py', '--arguments', join(directory, 'arguments.json'), '--out', join(directory, 'out')], {
      cwd: join(REPOSITORY, 'scripts', 'disk-analysis'), env: { ...process.env, CLEANROOM_DEVICE_DIR: directory }, stdio: 'pipe'
    })
    const report = JSON.parse(readFileSync(join(directory, 'out', 'findings.json'), 'utf8')) as { findings: Found[], unreadable: unknown[] }
    findings = report.findings
    unreadable = report.unreadable
  })

  after(() => {
    if (directory) rmSync(directory, { recursive: true, force: true })
  })

  it('finds everything that was planted, on the volume and at the path where it is', () => {
    const missing = scenario.expect!.filter(({ instance, device, rule, path }) =>
      !findings.some((found) => found.volumeId === `${instance} ${device}` && found.rule === rule && found.path === path))
    assert.deepEqual(missing, [])
    assert.ok(scenario.expect!.length >= 15)
  })

  it('says nothing loud of the healthy neighbour', () => {
    assert.deepEqual(findings.filter(({ instanceId, severity }) => instanceId === 'web2' && severity !== 'info'), [])
  })

  it('says nothing loud that was not planted', () => {
    const loud = findings.filter(({ severity }) => severity === 'high' || severity === 'critical')
    const planted = new Set(scenario.expect!.map(({ instance, device, path }) => `${instance} ${device} ${path}`))
    // The intruder also set root's shells to keep no history.
    planted.add('web1 /dev/xvda /root/.bashrc')
    assert.deepEqual(loud.filter(({ volumeId, path }) => !planted.has(`${volumeId} ${path}`)), [])
  })

  it('can read all of every disk', () => {
    assert.deepEqual(unreadable, [])
  })
})
