/**
 * The controller as a supervised child: started again when it dies, as systemd or ECS would.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stopChild } from './emulator-process.ts'
import { REPOSITORY } from './toolchain/paths.mjs'

export interface ControllerProcess {
  api: string
  pid: () => number
  stop: () => Promise<void>
}

export interface ControllerOptions {
  stateDir: string
  env: NodeJS.ProcessEnv
  /** Called after every start with the new process's id and address. */
  onStart: (controller: { pid: number, api: string }) => Promise<void>
}

const START_SECONDS = 120
const LONGEST_WAIT_MS = 10_000

/** Starts the controller and keeps it running until `stop`. It keeps its port over restarts. */
export async function superviseController ({ stateDir, env, onStart }: ControllerOptions): Promise<ControllerProcess> {
  let child: ChildProcess | undefined
  let stopping = false
  let api = ''
  const run = async (): Promise<void> => {
    const readyFile = join(stateDir, 'controller.json')
    const output = join(stateDir, 'controller.log')
    await rm(readyFile, { force: true })
    const started = spawn(process.execPath, ['--import=tsx', join(REPOSITORY, 'controller', 'main.ts')], {
      cwd: REPOSITORY,
      env: { ...env, CLEANROOM_READY_FILE: readyFile, ...api && { CLEANROOM_PORT: new URL(api).port } },
      stdio: ['ignore', openSync(output, 'a'), openSync(output, 'a')]
    })
    child = started
    api = await readyOf(started, readyFile, output)
    if (hasEnded(started)) restart()
    else started.once('exit', () => { restart() })
    await onStart({ pid: started.pid!, api })
  }
  // Only one that has been up is started again: one that can't start is an error, said at once the first time.
  const restart = (wait = 250): void => {
    if (stopping) return
    setTimeout(() => {
      if (stopping) return
      run().catch((error: unknown) => {
        console.error(error)
        restart(Math.min(wait * 2, LONGEST_WAIT_MS))
      })
    }, wait)
  }
  await run()
  return {
    get api () { return api },
    pid: () => child!.pid!,
    stop: async () => {
      stopping = true
      await stopChild(child!)
    }
  }
}

function hasEnded ({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

async function readyOf (child: ChildProcess, readyFile: string, output: string): Promise<string> {
  for (let waited = 0; waited < START_SECONDS * 20; waited++) {
    const text = await readFile(readyFile, 'utf8').catch(() => undefined)
    if (text) return (JSON.parse(text) as { api: string }).api
    if (hasEnded(child)) break
    await sleep(50)
  }
  throw new Error(`The controller did not start. The end of its output:\n${(await readFile(output, 'utf8')).slice(-4000)}`)
}
