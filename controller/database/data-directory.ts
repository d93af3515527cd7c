/** The data directory of the embedded PostgreSQL: made once, whole, with the password that opens it. */
import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { access, link, mkdir, readFile, readlink, rename, rm, rmdir, symlink, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { canSearch, giveTo, sharedDirectory, type ServerAccount } from './server-account.ts'

const execute = promisify(execFile)

/** The database's superuser, not an account of the system. */
export const ROLE = 'cleanroom'

/** Nothing of the controller's own environment: it may hold secrets, and the server outlives the controller. */
export const SERVER_ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

/** The same sort order and time zone on every system; no socket file, whose path has a length limit. */
const SETTINGS = { listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', log_timezone: 'UTC' }

/**
 * Makes the data directory when there is none, and resolves to its password.
 * Throws when the data was made by another major version, or when its password file is lost.
 */
export async function preparedData (dataDir: string, binaries: PostgresBinaries, account: ServerAccount): Promise<string> {
  const passwordFile = `${dataDir}.password`
  if (await isInitialised(dataDir)) {
    await requireVersion(dataDir, binaries.major)
    return readFile(passwordFile, 'utf8').catch(cause => {
      throw new Error(`The password of the database in ${dataDir} can't be read: restore ${passwordFile}.`, { cause })
    })
  }
  await mkdir(dirname(dataDir), { recursive: true })
  const password = await passwordIn(passwordFile)
  const place = await reachablePlace(dataDir, account)
  await initialise(place, password, binaries, account)
  if (place !== dataDir) await pointTo(place, dataDir)
  return password
}

/** The data directory itself, or one elsewhere where the server's account can't get to it. */
async function reachablePlace (dataDir: string, account: ServerAccount): Promise<string> {
  const lost = await readlink(dataDir).catch(() => undefined)
  if (lost) throw new Error(`The database of ${dataDir} is in ${lost}, and is not there any more: restore it, or remove ${dataDir} to begin anew.`)
  return await canSearch(account, dirname(dataDir)) ? dataDir : join(await sharedDirectory('postgres-data'), randomUUID())
}

/** Fills a directory under a temporary name, so that an interrupted start leaves none half made. */
async function initialise (place: string, password: string, { initdb }: PostgresBinaries, account: ServerAccount): Promise<void> {
  const making = `${place}.making-${randomUUID()}`
  const passwordFile = `${making}.password`
  try {
    await mkdir(making, { mode: 0o700 })
    await writeFile(passwordFile, password, { mode: 0o600 })
    for (const path of [making, passwordFile]) await giveTo(account, path)
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`])
    await execute(initdb, [
      '--pgdata', making, '--username', ROLE, '--pwfile', passwordFile, '--auth', 'scram-sha-256',
      '--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--no-instructions', ...settings
    ], { ...account, cwd: '/', env: SERVER_ENVIRONMENT })
    await rename(making, place)
  } catch (error) {
    // Another start may have been first; then its directory is as good.
    if (!await isInitialised(place)) throw error
  } finally {
    await rm(making, { recursive: true, force: true })
    await rm(passwordFile, { force: true })
  }
}

/** Makes `name` a link to the directory; where another start made it first, its directory stays. */
async function pointTo (place: string, name: string): Promise<void> {
  // An empty directory of that name gives way; symlink() refuses any other.
  await rmdir(name).catch(() => {})
  await symlink(place, name).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    if (await readlink(name).catch(() => undefined) !== place) await rm(place, { recursive: true })
  })
}

/** The password in the file; a new random one when there is no file yet. */
async function passwordIn (file: string): Promise<string> {
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, randomBytes(24).toString('base64url'), { mode: 0o600 })
  try {
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
  return readFile(file, 'utf8')
}

async function requireVersion (dataDir: string, major: string): Promise<void> {
  const made = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim()
  if (made !== major) {
    throw new Error(`${dataDir} was made by PostgreSQL ${made} and can't be used by ${major}: move it with pg_dump, or keep the version of Cleanroom that made it.`)
  }
}

function isInitialised (dataDir: string): Promise<boolean> {
  return access(join(dataDir, 'PG_VERSION')).then(() => true, () => false)
}
