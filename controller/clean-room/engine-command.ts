/**
 * The Pulumi command line, started so that it can be found again.
 *
 * A killed controller leaves its engine running. Two things must hold then: the engine must live long
 * enough to write down what it made, and the next controller must be able to stop it before it starts
 * its own. So what the engine says goes through a reader that goes on reading when nobody listens (a Go
 * program dies of a broken output, and not even an ignored SIGPIPE helps), and the engine's process id
 * stands in a file.
 */
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { access, constants } from 'node:fs/promises'
import { PulumiCommand } from '@pulumi/pulumi/automation/index.js'
import { CleanroomError, messageOf } from '../incident/errors.ts'

/** Names the file that the engine's process id goes to. */
export const PID_FILE_VARIABLE = 'CLEANROOM_ENGINE_PID_FILE'

/**
 * @param stateDir where the launcher is kept
 * @param pulumiHome directory with bin/pulumi; absent: `pulumi` on PATH
 * @throws CleanroomError ENGINE_UNAVAILABLE
 */
export async function engineCommand (stateDir: string, pulumiHome?: string): Promise<PulumiCommand> {
  try {
    const pulumi = pulumiHome ? resolve(pulumiHome, 'bin', 'pulumi') : await onPath('pulumi')
    const root = join(stateDir, 'engine')
    await mkdir(join(root, 'bin'), { recursive: true })
    await writeFile(join(root, 'bin', 'pulumi'), launcher(pulumi), { mode: 0o755 })
    return await PulumiCommand.get({ root })
  } catch (error) {
    throw new CleanroomError('ENGINE_UNAVAILABLE', messageOf(error), { cause: error })
  }
}

/** `exec` keeps the process id that was written down. Once both ends of a pipe are open, its name may go. */
function launcher (pulumi: string): string {
  const quoted = `'${pulumi.replaceAll("'", "'\\''")}'`
  return `#!/bin/sh
if [ -n "$${PID_FILE_VARIABLE}" ]; then
  trap '' PIPE
  echo $$ > "$${PID_FILE_VARIABLE}"
  pipe="$${PID_FILE_VARIABLE}.$$"
  mkfifo "$pipe.out" "$pipe.err"
  { cat; cat > /dev/null; } < "$pipe.out" 2> /dev/null &
  { cat >&3; cat > /dev/null; } < "$pipe.err" 3>&2 2> /dev/null &
  exec > "$pipe.out" 2> "$pipe.err"
  rm -f "$pipe.out" "$pipe.err"
fi
exec ${quoted} "$@"
`
}

async function onPath (program: string): Promise<string> {
  for (const directory of (process.env.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const candidate = join(directory, program)
    if (await access(candidate, constants.X_OK).then(() => true, () => false)) return candidate
  }
  throw new Error(`no ${program} on PATH`)
}

/**
 * Ends the engine that the file names, if it still runs: first by asking, so that it finishes what it
 * has begun and writes it down, then by force.
 * @returns whether one was running
 */
export async function stopEngine (pidFile: string, graceMs: number): Promise<boolean> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))
  if (!pid || !await isEngine(pid)) return false
  signal(pid, 'SIGINT')
  const deadline = Date.now() + graceMs
  while (Date.now() < deadline && await isEngine(pid)) await sleep(100)
  if (await isEngine(pid)) {
    signal(pid, 'SIGKILL')
    while (await isEngine(pid)) await sleep(20)
  }
  await rm(pidFile, { force: true })
  return true
}

/** Process ids are used again: only a process that looks like an engine is one. */
async function isEngine (pid: number): Promise<boolean> {
  return /pulumi/.test(await commandLine(pid))
}

async function commandLine (pid: number): Promise<string> {
  // A zombie has no command line in /proc, and shows as <defunct> in ps.
  if (process.platform === 'linux') return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', `${pid}`]).catch(() => ({ stdout: '' }))
  return stdout.includes('<defunct>') ? '' : stdout
}

function signal (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
