/**
 * The AWS emulator as a child process.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { REPOSITORY, toolchain } from './toolchain/paths.mjs'

export interface EmulatorOptions {
  stateDir: string
  /** Added to every AWS call. */
  latencyMs?: number
  /** Seconds that new things stay pending, as `snapshot=3,volume=1,instance=2`. */
  pending?: string
  /** YAML file of fault rules. */
  faults?: string
}

export interface Emulator {
  endpoint: string
  pid: number
  /** JSON lines, one per AWS call. */
  log: string
  stop: () => Promise<void>
}

const START_SECONDS = 60

/** Starts the emulator on a free port of 127.0.0.1. @throws Error with its output when it does not start */
export async function startEmulator ({ stateDir, latencyMs, pending, faults }: EmulatorOptions): Promise<Emulator> {
  const directory = join(stateDir, 'aws')
  await mkdir(directory, { recursive: true })
  const readyFile = join(stateDir, 'emulator.json')
  const log = join(stateDir, 'aws-calls.jsonl')
  const output = join(stateDir, 'emulator.log')
  const child = spawn(toolchain().emulatorPython, [
    '-m', 'cleanroom_emulator', '--host', '127.0.0.1', '--port', '0',
    '--ready-file', readyFile, '--state-dir', directory, '--log', log,
    ...latencyMs ? ['--latency-ms', String(latencyMs)] : [],
    ...pending ? ['--pending', pending] : [],
    ...faults ? ['--faults', faults] : []
  ], {
    env: { ...process.env, PYTHONPATH: join(REPOSITORY, 'sandbox', 'emulator'), PYTHONUNBUFFERED: '1' },
    stdio: ['ignore', openSync(output, 'a'), openSync(output, 'a')]
  })
  const { endpoint } = await readyOf(child, readyFile, output)
  return { endpoint, pid: child.pid!, log, stop: () => stopChild(child) }
}

async function readyOf (child: ChildProcess, readyFile: string, output: string): Promise<{ endpoint: string }> {
  for (let waited = 0; waited < START_SECONDS * 20; waited++) {
    const text = await readFile(readyFile, 'utf8').catch(() => undefined)
    if (text) {
      const ready = JSON.parse(text) as { endpoint: string, pid: number }
      if (ready.pid === child.pid) return ready
    }
    if (child.exitCode !== null) break
    await sleep(50)
  }
  child.kill('SIGKILL')
  throw new Error(`The AWS emulator did not start. Its output:\n${await readFile(output, 'utf8')}`)
}

/** Ends a child process, by force after ten seconds. */
export async function stopChild (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => { child.once('exit', () => { resolve() }) })
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await gone
  clearTimeout(force)
}
