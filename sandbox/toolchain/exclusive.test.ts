import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { exclusively, publishDirectory } from './exclusive.mjs'

describe('pieces that several set-ups want at once', () => {
  let directory: string
  let lock: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-exclusive-'))
    lock = join(directory, 'locks', 'piece')
  })

  afterEach(() => rm(directory, { recursive: true }))

  it('are made by one at a time, and each gets its turn', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++inside)
      await sleep(20)
      inside--
    }
    await Promise.all([1, 2, 3].map(() => exclusively(lock, work)))
    assert.equal(most, 1)
    assert.deepEqual(await readdir(join(directory, 'locks')), [])
  })

  it('are free again when making one failed', async () => {
    await assert.rejects(exclusively(lock, async () => { throw new Error('no network') }), /no network/)
    assert.equal(await exclusively(lock, async () => 'made'), 'made')
  })

  it('are not held for ever by a process that was killed', async () => {
    const dead = spawn(process.execPath, ['-e', ''])
    await once(dead, 'exit')
    await mkdir(join(directory, 'locks'))
    await writeFile(lock, JSON.stringify({ pid: dead.pid, host: hostname(), id: 'gone' }))
    assert.equal(await exclusively(lock, async () => 'made'), 'made')
  })

  it('are not held for ever by a process on another host that stopped touching them', async () => {
    await mkdir(join(directory, 'locks'))
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere', id: 'gone' }))
    await utimes(lock, new Date(0), new Date(0))
    assert.equal(await exclusively(lock, async () => 'made'), 'made')
  })

  it('say who is waited for', async () => {
    const waitedFor: number[] = []
    let release = () => {}
    const first = exclusively(lock, () => new Promise<void>(resolve => { release = resolve }))
    while (!existsSync(lock)) await sleep(5)
    const second = exclusively(lock, async () => {}, pid => { waitedFor.push(pid); release() })
    await Promise.all([first, second])
    assert.deepEqual(waitedFor, [process.pid])
  })

  it('appear whole: a failed one leaves what was there before, and nothing else', async () => {
    const place = join(directory, 'made')
    await publishDirectory(place, making => writeFile(join(making, 'file'), 'old'))
    await assert.rejects(publishDirectory(place, async making => {
      await writeFile(join(making, 'file'), 'new')
      throw new Error('disk full')
    }), /disk full/)
    assert.equal(await readFile(join(place, 'file'), 'utf8'), 'old')
    assert.deepEqual(await readdir(directory), ['made'])
  })

  it('replace what was there, and clear away what an interrupted run left', async () => {
    const place = join(directory, 'made')
    await publishDirectory(place, making => writeFile(join(making, 'file'), 'old'))
    await mkdir(join(directory, '.making-made-interrupted'))
    await publishDirectory(place, making => writeFile(join(making, 'other'), 'new'))
    assert.deepEqual(await readdir(place), ['other'])
    assert.deepEqual(await readdir(directory), ['made'])
  })
})
