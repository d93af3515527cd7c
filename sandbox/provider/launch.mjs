/**
 * Starts the provider from one bundled file, made on first use and kept per version of its sources: the engine starts
 * a plugin for every operation, and loading the sources one by one takes four times as long.
 * With --bundle-only it stops before the start, so that a set-up can pay for the bundle.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cacheDirectory } from '../toolchain/paths.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const lockFile = '../../package-lock.json'
const bundles = join(cacheDirectory(), 'provider')

/** The AWS SDK's notice on this Node.js version would be repeated in every engine run. */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

/** The same for equal sources, wherever the checkout is. */
function sourcesDigest () {
  const digest = createHash('sha256')
  const sources = readdirSync(here, { recursive: true }).map(String)
    .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts')).sort()
  for (const path of [...sources, 'launch.mjs', lockFile]) digest.update(path).update(readFileSync(join(here, path)))
  return digest.digest('hex').slice(0, 16)
}

/** Bundles into a directory of its own, then renames: several engines may start at once. */
async function bundle (target) {
  const { build } = await import('esbuild')
  mkdirSync(bundles, { recursive: true })
  const scratch = mkdtempSync(join(bundles, '.build-'))
  await build({
    entryPoints: [join(here, 'main.ts')],
    outdir: scratch,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // The AWS SDK's ES modules come apart, so that only the calls in use are bundled.
    mainFields: ['module', 'main'],
    logLevel: 'error',
    // CommonJS dependencies (gRPC, protobuf) call require for Node's own modules.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" }
  })
  try {
    renameSync(scratch, target)
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
}

const target = join(bundles, sourcesDigest())
if (!existsSync(target)) await bundle(target)
if (!process.argv.includes('--bundle-only')) await import(pathToFileURL(join(target, 'main.mjs')).href)
