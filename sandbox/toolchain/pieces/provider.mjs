/** The bundle of the stand-in aws provider, so that the first engine run does not wait for it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { bundleDirectory } from '../../provider/bundle.mjs'
import { run } from '../command.mjs'
import { toolchain } from '../paths.mjs'

export const provider = {
  name: 'aws provider',
  after: ['node packages'],
  ready: () => existsSync(join(bundleDirectory(), 'main.mjs')),
  remedy: 'Run `sandbox/provider/bin/pulumi-resource-aws --bundle-only` by hand and read what it says.',
  async make (say) {
    say('bundling')
    await run(join(toolchain().pluginDir, 'pulumi-resource-aws'), ['--bundle-only'])
  }
}
