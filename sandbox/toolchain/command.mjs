/** Running other programs: their output by line, a limit, and nothing left behind when we are stopped. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Of a program's output in an error message: some tools put whole lists in a line. */
const LONGEST_LINE = 240

const running = new Set()

/** A program that could not be run to a good end; `output` holds its last lines. */
export class CommandFailed extends Error {
  constructor (command, reason, output) {
    super([`${command} ${reason}`, ...output].join('\n'))
    this.name = 'CommandFailed'
    this.output = output
  }
}

/**
 * Runs a program to its end and resolves to its standard output.
 * `onLine` hears every line of both outputs. Rejects with CommandFailed when it can't be started,
 * ends with another code than 0, or takes longer than `limitMs`.
 */
export function run (program, args, { cwd, env = process.env, limitMs, onLine = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const command = [program, ...args].join(' ').slice(0, 200)
    // A group of its own, so that its children end with it.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    const recent = []
    let output = ''
    let late = false
    const timer = limitMs && setTimeout(() => { late = true; endGroup(child) }, limitMs)
    child.stdout.on('data', data => { output += data })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        if (!line.trim()) return
        recent.push(line.slice(0, LONGEST_LINE))
        if (recent.length > 12) recent.shift()
        onLine(line)
      })
    }
    const settle = (finish) => { clearTimeout(timer); running.delete(child); finish() }
    child.on('error', error => settle(() => reject(new CommandFailed(command, error.message, []))))
    child.on('close', (code, signal) => settle(() => {
      if (code === 0) return resolve(output)
      const reason = late ? `took longer than ${limitMs / 1000} s` : `ended with ${signal ?? `code ${code}`}`
      reject(new CommandFailed(command, reason, recent))
    }))
  })
}

/** Ends every program that still runs, with its children. */
export function endAll () {
  for (const child of running) endGroup(child)
}

function endGroup (child) {
  try {
    process.kill(-child.pid, 'SIGTERM')
  } catch {
    // Already gone, or never started.
  }
}
