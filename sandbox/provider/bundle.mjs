/**
 * The provider as one bundle, kept per version of its sources: the engine starts a plugin for every operation, and
 * loading the sources one by one takes four times as long.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory } from '../toolchain/paths.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const lockFile = '../../package-lock.json'

/** Where the bundle of these sources belongs; the same for equal sources, wherever the checkout is. */
export function bundleDirectory (env = process.env) {
  const digest = createHash('sha256')
  const sources = readdirSync(here, { recursive: true }).map(String)
    .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts')).sort()
  for (const path of [...sources, 'bundle.mjs', lockFile]) digest.update(path).update(readFileSync(join(here, path)))
  return join(cacheDirectory(env), 'provider', digest.digest('hex').slice(0, 16))
}

/** Bundles into a directory of its own, then renames: several engines may start at once. */
export async function makeBundle (target) {
  const { build } = await import('esbuild')
  const bundles = join(target, '..')
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
