/** `node install-pulumi.mjs ROOT VERSION`: the Automation API's own installer, in a process that can be bounded. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { PulumiCommand } = require('@pulumi/pulumi/automation')
// Of the SDK's own dependencies: its installer takes no other kind of version.
const { SemVer } = createRequire(require.resolve('@pulumi/pulumi'))('semver')

const [root, version] = process.argv.slice(2)
try {
  await PulumiCommand.install({ root, version: new SemVer(version) })
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
