import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { packPackage } from './package-archive.ts'

const MANIFEST = 'name: look\nversion: 1.0.0\nreads: disk\ntimeBudgetSeconds: 60\n'

describe('an analysis package', () => {
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-packages-'))
    await mkdir(join(directory, 'look', 'detectors', 'tests'), { recursive: true })
    await writeFile(join(directory, 'look', 'manifest.yaml'), MANIFEST)
    await writeFile(join(directory, 'look', 'main.py'), 'print(1)\n')
    await writeFile(join(directory, 'look', 'detectors', 'cron.py'), 'x = 1\n')
    await writeFile(join(directory, 'look', 'detectors', 'tests', 'test_cron.py'), 'assert True\n')
  })

  afterEach(async () => { await rm(directory, { recursive: true }) })

  it('has the same hash whenever and in whatever order its files were written', async () => {
    const first = await packPackage(directory, 'look')
    await rm(join(directory, 'look', 'main.py'))
    await writeFile(join(directory, 'look', 'main.py'), 'print(1)\n')
    await utimes(join(directory, 'look', 'manifest.yaml'), new Date(2001, 1, 1), new Date(2001, 1, 1))
    assert.equal((await packPackage(directory, 'look')).sha256, first.sha256)
  })

  it('has another hash when one byte of it changes', async () => {
    const first = await packPackage(directory, 'look')
    await writeFile(join(directory, 'look', 'main.py'), 'print(2)\n')
    assert.notEqual((await packPackage(directory, 'look')).sha256, first.sha256)
  })

  it('ships its code and not its tests', async () => {
    const { archive } = await packPackage(directory, 'look')
    assert.deepEqual(Object.keys(unzipSync(archive)).sort(), ['detectors/cron.py', 'main.py', 'manifest.yaml'])
  })

  it('is stored under its own name, version and hash', async () => {
    const { key, sha256 } = await packPackage(directory, 'look')
    assert.equal(key, `packages/look/1.0.0/${sha256}.zip`)
  })

  it('is refused by name when there is none, with every fault when its manifest is wrong', async () => {
    await assert.rejects(packPackage(directory, 'absent'), { code: 'NOT_FOUND' })
    await writeFile(join(directory, 'look', 'manifest.yaml'), 'name: look\nreads: tea\n')
    await assert.rejects(packPackage(directory, 'look'), (error: Error & { code: string }) =>
      error.code === 'INVALID_REQUEST' && /version/.test(error.message) && /reads/.test(error.message) && /timeBudgetSeconds/.test(error.message))
  })
})
