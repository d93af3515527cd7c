import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectory, onPath, ownPulumi, pinnedPulumiHome, toolchain } from './paths.mjs'

describe('where the tools lie', () => {
  let directory: string
  let env: Record<string, string>

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-paths-'))
    env = { PATH: join(directory, 'bin'), CLEANROOM_CACHE_DIR: join(directory, 'cache') }
  })

  afterEach(() => rm(directory, { recursive: true }))

  async function program (path: string, text = '#!/bin/sh\n') {
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, text)
    await chmod(path, 0o755)
  }

  it('is the cache directory that is named, else the user\'s', () => {
    assert.equal(cacheDirectory({ CLEANROOM_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b' }), '/a')
    assert.equal(cacheDirectory({ XDG_CACHE_HOME: '/b' }), '/b/cleanroom')
    assert.equal(cacheDirectory({}), join(homedir(), '.cache', 'cleanroom'))
    assert.equal(cacheDirectory({ XDG_CACHE_HOME: 'relative' }), join(homedir(), '.cache', 'cleanroom'))
  })

  it('takes only what can be run for a program', async () => {
    await mkdir(join(directory, 'bin', 'mke2fs'), { recursive: true })
    assert.equal(onPath('mke2fs', { env }), undefined)
    await program(join(directory, 'sbin', 'mke2fs'))
    assert.equal(onPath('mke2fs', { env, also: [join(directory, 'sbin')] }), join(directory, 'sbin', 'mke2fs'))
  })

  it('uses the pinned Pulumi where there is no other', () => {
    assert.equal(toolchain(env).pulumiHome, pinnedPulumiHome(env))
  })

  it('uses the user\'s own Pulumi once it was found good, and looks anew after an upgrade', async () => {
    const own = join(directory, 'bin', 'pulumi')
    await program(own)
    assert.equal(toolchain(env).pulumiHome, pinnedPulumiHome(env), 'not yet looked at')

    const { home } = ownPulumi(env)!
    await mkdir(join(home, 'bin'), { recursive: true })
    await symlink(own, join(home, 'bin', 'pulumi'))
    assert.equal(toolchain(env).pulumiHomeBin, join(home, 'bin'))

    await program(own, '#!/bin/sh\n# a newer one\n')
    assert.equal(toolchain(env).pulumiHome, pinnedPulumiHome(env))
  })

  it('does not take its own Pulumi on PATH for the user\'s', async () => {
    const bin = toolchain(env).pulumiHomeBin
    await program(join(bin, 'pulumi'))
    assert.equal(ownPulumi({ ...env, PATH: bin }), undefined)
    assert.equal(toolchain({ ...env, PATH: bin }).pulumiHomeBin, bin)
  })
})
