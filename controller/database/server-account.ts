/**
 * The operating-system account that PostgreSQL runs as, and what it may reach.
 *
 * PostgreSQL refuses to run as root. For root it runs as the user `postgres`, who is made where absent
 * and who can't get into a private directory, such as root's home: what that user needs is then kept in
 * a directory of root's that everyone may search.
 */
import { execFile } from 'node:child_process'
import { chown, lstat, mkdir, realpath, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const SERVER_USER = 'postgres'
const SEARCH_BIT = 0o001
const OTHERS_MAY_WRITE = 0o022

/** Ids to run the server under; undefined: as we are. */
export type ServerAccount = { uid: number, gid: number } | undefined

export async function serverAccount (): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) return undefined
  const known = await idsOf(SERVER_USER)
  if (known) return known
  // The first is shadow's, the second BusyBox's.
  await execute('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', SERVER_USER])
    .catch(() => execute('adduser', ['-S', '-D', '-H', SERVER_USER]))
    .catch(() => {})
  const made = await idsOf(SERVER_USER)
  if (made) return made
  throw new Error(`The embedded database can't run as root and the user ${SERVER_USER} could not be made: make it, run as an ordinary user, or set CLEANROOM_DATABASE_URL.`)
}

/** Whether the account can work in this existing directory: it and every directory above let it search. */
export async function canSearch (account: ServerAccount, path: string): Promise<boolean> {
  if (!account) return true
  let directory = await realpath(path)
  for (;;) {
    const { mode, uid, gid } = await stat(directory)
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0
    if ((mode & (SEARCH_BIT << shift)) === 0) return false
    if (directory === dirname(directory)) return true
    directory = dirname(directory)
  }
}

/** Gives a path to the account; nothing to do when the server runs as we are. */
export async function giveTo (account: ServerAccount, path: string): Promise<void> {
  if (account) await chown(path, account.uid, account.gid)
}

/** A directory that only we can write to and everyone may search, below a place of that kind. */
export async function sharedDirectory (name: string): Promise<string> {
  const failures: string[] = []
  for (const base of ['/var/lib/cleanroom', join(tmpdir(), `cleanroom-${process.getuid?.() ?? 0}`)]) {
    try {
      const directory = join(base, name)
      await mkdir(directory, { recursive: true, mode: 0o755 })
      for (const path of [base, directory]) await requireOurs(path)
      return directory
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  throw new Error(`No directory for the embedded database that its user can reach: ${failures.join('; ')}`)
}

async function requireOurs (path: string): Promise<void> {
  const { uid, mode } = await lstat(path)
  if (uid !== process.getuid?.() || (mode & OTHERS_MAY_WRITE) !== 0) throw new Error(`${path} is not ours alone to write to`)
}

async function idsOf (user: string): Promise<ServerAccount> {
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map(async flag => Number((await execute('id', [flag, user])).stdout)))
    return { uid: uid!, gid: gid! }
  } catch {
    return undefined
  }
}
