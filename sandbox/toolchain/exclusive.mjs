/**
 * One process at a time per piece, and results that appear whole or not at all.
 *
 * The lock saves double work; it is the atomic publishing that keeps readers safe. So a lock whose
 * holder died or stopped touching it may be taken over.
 */
import { link, mkdir, readFile, readdir, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const TOUCH_MS = 2_000
const STALE_MS = 30_000
const LOOK_AGAIN_MS = 200

/** Runs `work` while holding the lock file; `onWait` is called once when another process holds it. */
export async function exclusively (lockFile, work, onWait = () => {}) {
  await mkdir(dirname(lockFile), { recursive: true })
  const release = await acquire(lockFile, onWait)
  try {
    return await work()
  } finally {
    await release()
  }
}

/**
 * Makes a directory under a temporary name beside its place and moves it there when `fill` is done.
 * What an interrupted run left under such a name is removed first; the caller holds the piece's lock.
 */
export async function publishDirectory (directory, fill) {
  const parent = dirname(directory)
  const prefix = `.making-${basename(directory)}-`
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await removeTree(join(parent, name))
  }
  const making = join(parent, prefix + randomUUID())
  await mkdir(making)
  try {
    await fill(making)
    const old = join(parent, prefix + randomUUID())
    await rename(directory, old).catch(ignoreMissing)
    await rename(making, directory)
    await removeTree(old)
  } finally {
    await removeTree(making)
  }
}

export function removeTree (path) {
  return rm(path, { recursive: true, force: true, maxRetries: 3 })
}

async function acquire (lockFile, onWait) {
  const token = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() })
  let said = false
  while (!await take(lockFile, token)) {
    const held = await readFile(lockFile, 'utf8').catch(ignoreMissing)
    if (held === undefined) continue
    if (await isAbandoned(lockFile, held)) {
      await remove(lockFile, held)
      continue
    }
    if (!said) onWait(JSON.parse(held).pid)
    said = true
    await sleep(LOOK_AGAIN_MS)
  }
  const touching = setInterval(() => { utimes(lockFile, new Date(), new Date()).catch(ignoreMissing) }, TOUCH_MS)
  return async () => {
    clearInterval(touching)
    await remove(lockFile, token)
  }
}

/** False when another holds it. By link(), which fails where the name exists, the file is never seen empty. */
async function take (lockFile, token) {
  const draft = `${lockFile}.${randomUUID()}`
  await writeFile(draft, token)
  try {
    await link(draft, lockFile)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(draft)
  }
}

async function isAbandoned (lockFile, held) {
  const { pid, host } = JSON.parse(held)
  if (host === hostname() && !isAlive(pid)) return true
  const touched = await stat(lockFile).catch(ignoreMissing)
  return touched !== undefined && Date.now() - touched.mtimeMs > STALE_MS
}

/** Removes the lock only if it is still this one; what was renamed by mistake is put back. */
async function remove (lockFile, held) {
  const aside = `${lockFile}.${randomUUID()}`
  await rename(lockFile, aside).catch(ignoreMissing)
  const content = await readFile(aside, 'utf8').catch(ignoreMissing)
  if (content === undefined) return
  if (content !== held) await link(aside, lockFile).catch(() => {})
  await unlink(aside)
}

function isAlive (pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function ignoreMissing (error) {
  if (error.code !== 'ENOENT') throw error
}
