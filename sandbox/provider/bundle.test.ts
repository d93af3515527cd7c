import { equal, match } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { toolchain } from '../toolchain/paths.mjs'
import { bundleDirectory } from './bundle.mjs'

describe('the provider\'s bundle', function () {
  this.timeout(120_000)

  let cache: string

  beforeEach(async () => { cache = await mkdtemp(join(tmpdir(), 'cleanroom-bundle-')) })
  afterEach(() => rm(cache, { recursive: true }))

  it('can be made beforehand, once, without starting the provider', async () => {
    const env = { ...process.env, CLEANROOM_CACHE_DIR: cache }
    const bundle = bundleDirectory(env)
    const make = async () => await promisify(execFile)(join(toolchain().pluginDir, 'pulumi-resource-aws'), ['--bundle-only'], { env })
    equal(existsSync(bundle), false)
    equal((await make()).stdout, '', 'a provider that starts prints its port')
    const made = await stat(join(bundle, 'main.mjs'))
    await make()
    equal((await stat(join(bundle, 'main.mjs'))).ino, made.ino)
    const [only, ...others] = await readdir(join(cache, 'provider'))
    match(bundle, new RegExp(`/${only}$`))
    equal(others.length, 0)
  })
})
