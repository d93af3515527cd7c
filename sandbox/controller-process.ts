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
    started.once('exit', () => { if (!stopping) restart().catch((error: unknown) => { console.error(error) }) })
    api = await readyOf(started, readyFile, output)
    await onStart({ pid: started.pid!, api })
  }
  const restart = async (): Promise<void> => {
    await sleep(250)
    if (!stopping) await run()
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

async function readyOf (child: ChildProcess, readyFile: string, output: string): Promise<string> {
  for (let waited = 0; waited < START_SECONDS * 20; waited++) {
    const text = await readFile(readyFile, 'utf8').catch(() => undefined)
    if (text) return (JSON.parse(text) as { api: string }).api
    if (child.exitCode !== null || child.signalCode !== null) break
    await sleep(50)
  }
  throw new Error(`The controller did not start. The end of its output:\n${(await readFile(output, 'utf8')).slice(-4000)}`)
}
