/**
 * Pulumi's command line and its Node.js language host, in one directory.
 *
 * In order: the user's own `pulumi` when it is new enough; what the SDK installs; what Go builds from
 * the modules that this folder pins.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../command.mjs'
import { judgePulumi } from '../decisions.mjs'
import { publishDirectory, removeTree } from '../exclusive.mjs'
import { GO_MODULES, PULUMI_VERSION, REPOSITORY, cacheDirectory, onPath, ownPulumi, pinnedPulumiHome, toolchain } from '../paths.mjs'
import { buildGoCommand, goToolchain } from './go.mjs'

const LANGUAGE_HOST = 'pulumi-language-nodejs'
const PASSED_OVER = 'passed-over.json'
/** Where connections are swallowed the download gives up in 10 s by itself; this bounds a slow one. */
const INSTALL_LIMIT_MS = 180_000

const COMMANDS = {
  pulumi: {
    module: GO_MODULES.pulumi,
    command: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
    ldflags: `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${PULUMI_VERSION}`
  },
  [LANGUAGE_HOST]: {
    module: GO_MODULES[LANGUAGE_HOST],
    command: 'github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs'
  }
}

export const pulumi = {
  name: 'pulumi',
  after: ['node packages'],
  ready () {
    const own = ownPulumi()
    return (!own || isJudged(own)) && isWhole(toolchain().pulumiHome)
  },
  remedy: `Install Pulumi ${PULUMI_VERSION} or newer and put it on PATH; or make the Go module registry reachable, so that it can be built.`,
  async make (say) {
    const own = ownPulumi()
    if (own && !isJudged(own)) await judgeOwn(own, say)
    if (isWhole(toolchain().pulumiHome)) return
    await publishDirectory(pinnedPulumiHome(), async making => {
      if (!await install(making, say)) await build(Object.keys(COMMANDS), making, say)
      const printed = await run(join(making, 'bin', 'pulumi'), ['version'], { env: quiet() })
      if (printed.trim() !== `v${PULUMI_VERSION}`) throw new Error(`the new pulumi says it is ${printed.trim()}, not v${PULUMI_VERSION}`)
    })
  }
}

function isWhole (home) {
  return existsSync(join(home, 'bin', 'pulumi')) && existsSync(join(home, 'bin', LANGUAGE_HOST))
}

function isJudged ({ home }) {
  return existsSync(join(home, PASSED_OVER)) || isWhole(home)
}

/** Looks at the user's own Pulumi once and keeps the verdict: links to it, or the reason against it. */
async function judgeOwn ({ path, home }, say) {
  const lock = JSON.parse(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8'))
  const sdkVersion = lock.packages['node_modules/@pulumi/pulumi'].version
  const printed = await run(path, ['version'], { env: quiet(), limitMs: 30_000 }).catch(error => error.message)
  const verdict = judgePulumi(printed, sdkVersion)
  say(`${path}: ${verdict.accepted ? 'will be used' : 'passed over'}, ${verdict.reason}`)
  await publishDirectory(home, async making => {
    if (!verdict.accepted) return writeFile(join(making, PASSED_OVER), JSON.stringify({ path, reason: verdict.reason }))
    await mkdir(join(making, 'bin'))
    await symlink(path, join(making, 'bin', 'pulumi'))
    const host = onPath(LANGUAGE_HOST, { env: { PATH: dirname(path) }, also: [dirname(realpathSync(path)), ...(process.env.PATH ?? '').split(':')] })
    if (host) await symlink(host, join(making, 'bin', LANGUAGE_HOST))
    else await build([LANGUAGE_HOST], making, say)
  })
}

/** By the SDK's own installer; false where that is not to be had. */
async function install (home, say) {
  say(`installing ${PULUMI_VERSION} by the SDK's installer (gives up after ${INSTALL_LIMIT_MS / 1000} s at most)`)
  const installer = join(dirname(dirname(fileURLToPath(import.meta.url))), 'install-pulumi.mjs')
  try {
    await run(process.execPath, [installer, home, PULUMI_VERSION], { env: quiet(), limitMs: INSTALL_LIMIT_MS })
    return existsSync(join(home, 'bin', LANGUAGE_HOST))
  } catch (error) {
    say(`no download: ${error.output?.at(-1) ?? error.message}`)
    return false
  }
}

async function build (programs, home, say) {
  // Holds a fetched toolchain and its caches, over 3 GB: only for as long as the build runs.
  const scratch = join(cacheDirectory(), 'go-scratch')
  await removeTree(scratch)
  try {
    const go = await goToolchain(programs.map(program => COMMANDS[program].module), scratch, say)
    for (const name of programs) await buildGoCommand(go, { name, ...COMMANDS[name], output: join(home, 'bin', name) }, say)
  } finally {
    await removeTree(scratch)
  }
}

function quiet () {
  return { ...process.env, PULUMI_SKIP_UPDATE_CHECK: 'true' }
}
