/**
 * The scenarios against the disk analysis: what was planted is found, and nothing else is loud.
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

interface Subject {
  name: string
  /** How many things were planted at least. */
  planted: number
  /** Machines on which there is nothing to be found. */
  healthy: string[]
  /** Machine, device and path of what was not planted but follows from it. */
  alsoLoud: string[]
}

const SUBJECTS: Subject[] = [
  // The intruder also set root's shells to keep no history.
  { name: 'web-shell', planted: 15, healthy: ['web2'], alsoLoud: ['web1 /dev/xvda /root/.bashrc'] },
  { name: 'entangled', planted: 1, healthy: ['api2', 'lone1'], alsoLoud: [] }
]

for (const { name, planted, healthy, alsoLoud } of SUBJECTS) {
  describe(`the disk analysis of the ${name} scenario`, function () {
    this.timeout(60_000)
    const source = fileURLToPath(new URL(name, import.meta.url))
    let directory: string
    let scenario: Scenario
    let findings: Found[]
    let unreadable: unknown[]

    before(async function () {
      const { analysisPython } = toolchain()
      // The set-up of `npm test` makes it; unit tests alone can do without.
      if (!existsSync(analysisPython)) this.skip()
      directory = mkdtempSync(join(tmpdir(), 'cleanroom-expect-'))
      scenario = readScenario(source)
      const volumes: Array<Record<string, string>> = []
      for (const { name: machine, volumes: disks } of scenario.instances) {
        for (const volume of disks) {
          const copy = `vol-${volumes.length}`
          symlinkSync(await volumeImage(source, volume, directory), join(directory, `nvme-Amazon_Elastic_Block_Store_${copy.replace('-', '')}`))
          volumes.push({ volumeId: copy, device: '/dev/sdf', sourceVolumeId: `${machine} ${volume.device}`, instanceId: machine })
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
      assert.ok(scenario.expect!.length >= planted)
    })

    it('says nothing loud of the healthy machines', () => {
      assert.deepEqual(findings.filter(({ instanceId, severity }) => healthy.includes(instanceId) && severity !== 'info'), [])
    })

    it('says nothing loud that was not planted', () => {
      const loud = findings.filter(({ severity }) => severity === 'high' || severity === 'critical')
      const known = new Set([...scenario.expect!.map(({ instance, device, path }) => `${instance} ${device} ${path}`), ...alsoLoud])
      assert.deepEqual(loud.filter(({ volumeId, path }) => !known.has(`${volumeId} ${path}`)), [])
    })

    it('can read all of every disk', () => {
      assert.deepEqual(unreadable, [])
    })
  })
}
