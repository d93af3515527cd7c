/**
 * Where everything that the set-up makes lies: computed from the environment and the lock files
 * alone, without a subprocess, so that any program may ask and gets the same answer as the set-up.
 *
 * Everything is below one cache directory outside the checkout, and every name carries the hash of
 * what it is made from: checkouts share what is equal, and a changed lock file makes a new directory.
 */
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The Pulumi command line that is installed or built where none is on PATH. */
export const PULUMI_VERSION = '3.250.0'

/** Lock files that each become an environment of Python packages. */
export const PYTHON_LOCKS = {
  emulator: 'sandbox/emulator/requirements.lock',
  analysis: 'forensic-ami/requirements.lock',
  pytest: 'sandbox/toolchain/requirements-test.lock'
}

/** Go modules that are built where no Pulumi is to be had; the command line and the language host. */
export const GO_MODULES = {
  pulumi: 'sandbox/toolchain/pulumi-cli',
  'pulumi-language-nodejs': 'sandbox/toolchain/language-nodejs'
}

/** `${CLEANROOM_CACHE_DIR}`, else `cleanroom` below the user's cache directory. */
export function cacheDirectory (env = process.env) {
  if (env.CLEANROOM_CACHE_DIR) return env.CLEANROOM_CACHE_DIR
  // A relative XDG_CACHE_HOME is to be ignored (XDG Base Directory Specification).
  const base = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(homedir(), '.cache')
  return join(base, 'cleanroom')
}

/** Twelve hex digits that stand for these contents. */
export function shortHash (...contents) {
  const hash = createHash('sha256')
  for (const content of contents) hash.update(content).update('\0')
  return hash.digest('hex').slice(0, 12)
}

/** First twelve hex digits of the hash of the named files; `missing` where one isn't there. */
export function hashOfFiles (...relativePaths) {
  const files = relativePaths.map(path => join(REPOSITORY, path))
  return files.every(existsSync) ? shortHash(...files.map(file => readFileSync(file))) : 'missing'
}

/** The full path of a program on PATH, or undefined. `accept` may pass a candidate over. */
export function onPath (program, { env = process.env, accept = () => true, also = [] } = {}) {
  for (const directory of [...(env.PATH ?? '').split(delimiter), ...also]) {
    const candidate = join(directory, program)
    if (directory && isExecutable(candidate) && accept(candidate)) return candidate
  }
}

/** mke2fs makes disk images; it is often in a directory that is on no ordinary user's PATH. */
export function findMke2fs (env = process.env) {
  return onPath('mke2fs', {
    env, also: ['/sbin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/opt/e2fsprogs/sbin', '/usr/local/opt/e2fsprogs/sbin']
  })
}

/**
 * The user's own Pulumi: where it is, and the directory that the set-up keeps its verdict on it in.
 * The directory's name changes when the program does, so that an upgrade is looked at anew.
 */
export function ownPulumi (env = process.env) {
  const cache = cacheDirectory(env)
  const path = onPath('pulumi', { env, accept: candidate => !isBelow(candidate, cache) })
  if (!path) return undefined
  const { size, mtimeMs } = statSync(path)
  return { path, home: join(cache, 'pulumi', `own-${shortHash(realpathSync(path), `${size}`, `${mtimeMs}`)}`) }
}

/** The home of the Pulumi that the set-up installs or builds itself. */
export function pinnedPulumiHome (env = process.env) {
  const sources = Object.values(GO_MODULES).flatMap(module => [`${module}/go.mod`, `${module}/go.sum`])
  return join(cacheDirectory(env), 'pulumi', `${PULUMI_VERSION}-${hashOfFiles(...sources)}`)
}

/** All that the set-up has made or will make; see paths.d.mts. */
export function toolchain (env = process.env) {
  const cacheDir = cacheDirectory(env)
  const own = ownPulumi(env)
  const pulumiHome = own && existsSync(join(own.home, 'bin', 'pulumi')) ? own.home : pinnedPulumiHome(env)
  const python = name => join(cacheDir, 'python', `${name}-${hashOfFiles(PYTHON_LOCKS[name])}`)
  return {
    cacheDir,
    pulumiHome,
    pulumiHomeBin: join(pulumiHome, 'bin'),
    emulatorVenv: python('emulator'),
    emulatorPython: join(python('emulator'), 'bin', 'python3'),
    analysisVenv: python('analysis'),
    analysisPython: join(python('analysis'), 'bin', 'python3'),
    pytestPackages: python('pytest'),
    pluginDir: join(REPOSITORY, 'sandbox', 'provider', 'bin'),
    mke2fs: findMke2fs(env)
  }
}

function isExecutable (path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function isBelow (path, directory) {
  const real = realpathSync(path)
  const roots = [directory, existsSync(directory) ? realpathSync(directory) : directory]
  return roots.some(root => real.startsWith(root + sep) || path.startsWith(root + sep))
}
