/**
 * What a data directory says about the server that runs on it: PostgreSQL's own postmaster.pid.
 * Its lines: pid, data directory, start time, port, socket directory, listen address, shared memory
 * key, status (PostgreSQL's src/include/utils/pidfile.h).
 */
import { execFile } from 'node:child_process'
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Postmaster {
  pid: number
  /** 0 until the server listens. */
  port: number
}

export async function recordedPostmaster (dataDir: string): Promise<Postmaster | undefined> {
  const text = await readFile(pidFile(dataDir), 'utf8').catch(ignoreMissing)
  if (!text) return undefined
  const lines = text.split('\n')
  return { pid: Math.abs(Number.parseInt(lines[0] ?? '', 10)), port: Number.parseInt(lines[3] ?? '', 10) || 0 }
}

/** Whether the process is alive and is a server on this data directory, not another that got its number. */
export async function isServing (pid: number, dataDir: string): Promise<boolean> {
  const real = await realpath(dataDir)
  if (process.platform === 'linux') {
    // A server's working directory is its data directory; a zombie has none.
    return await readlink(`/proc/${pid}/cwd`).catch(() => undefined) === real
  }
  const command = await execute('ps', ['-o', 'command=', '-p', String(pid)]).then(({ stdout }) => stdout, () => '')
  return command.includes('postgres') && (command.includes(dataDir) || command.includes(real))
}

/**
 * Lets a server start although postmaster.pid names a living process that is no server of ours.
 * PostgreSQL takes its own parent's number for a leftover, and still checks by the rest of the file that
 * no process of the former server uses the data; so the file gets the number of this process, which will
 * be that parent, instead of being removed.
 */
export async function disownStalePidFile (dataDir: string): Promise<void> {
  const text = await readFile(pidFile(dataDir), 'utf8').catch(ignoreMissing)
  if (text) await writeFile(pidFile(dataDir), text.replace(/^-?\d+/, String(process.pid)))
}

function pidFile (dataDir: string): string {
  return join(dataDir, 'postmaster.pid')
}

function ignoreMissing (error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
