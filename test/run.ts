/**
 * Runs the test suites: all of them, or those that are named, as in `npm test -- unit sandbox`.
 *
 * Each job is a process of its own, two at a time; what it prints comes whole when it has ended. Types and
 * lint count as one test each. The last line is the sum of all; exits with 1 when anything failed.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { REPOSITORY, toolchain } from '../sandbox/toolchain/paths.mjs'
import { closingLine, countsOfJunit, sum, verdict, type Counts } from './counts.ts'

const MINUTE_MS = 60_000
const tools = toolchain()
const reports = mkdtempSync(join(tmpdir(), 'cleanroom-test-'))

interface Job {
  suite: string
  /** Tells it apart from the suite's other jobs. */
  name: string
  command: string[]
  cwd?: string
  env?: Record<string, string>
  /** After this long it is ended and has failed. */
  limitMs: number
  /** The counts in what it left; without it, its exit code is the one test. */
  counts?: () => Counts
}

/** Jobs wait for AWS, engines and disks more than for a processor, and share it fairly. */
const AT_ONCE = 2

const JOBS: Job[] = [
  { suite: 'types', name: 'types', command: node('typescript/bin/tsc'), limitMs: 10 * MINUTE_MS },
  { suite: 'lint', name: 'lint', command: node('eslint/bin/eslint.js', '.'), limitMs: 10 * MINUTE_MS },
  // The longest first, so that nothing long is left alone at the end.
  ...['fault', 'sandbox'].flatMap(suite => testFiles(suite).map(file => mochaJob(suite, file))),
  mochaJob('unit'),
  pytestJob('emulator', { python: tools.emulatorPython, cwd: 'sandbox/emulator' }),
  pytestJob('scripts', { python: tools.analysisPython, paths: ['scripts'] })
]

process.exitCode = await main(process.argv.slice(2))
rmSync(reports, { recursive: true })

async function main (wanted: string[]): Promise<number> {
  const names = [...new Set(JOBS.map(({ suite }) => suite))]
  const unknown = wanted.filter(name => !names.includes(name))
  if (unknown.length > 0) {
    console.error(`No such suite: ${unknown.join(', ')}. There are: ${names.join(', ')}.`)
    return 1
  }
  const waiting = JOBS.filter(({ suite }) => wanted.length === 0 || wanted.includes(suite))
  const results: Counts[] = []
  const failed: string[] = []
  const work = async (): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const counts = await run(job)
      results.push(counts)
      if (counts.failed > 0) failed.push(`${job.name}: ${closingLine(counts)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const total = sum(results)
  for (const line of failed) console.log(`✘ ${line}`)
  console.log(`\n${closingLine(total)}`)
  return total.failed > 0 ? 1 : 0
}

async function run (job: Job): Promise<Counts> {
  const start = performance.now()
  console.log(`▸ ${job.name}`)
  const { code, output } = await outcome(job)
  const counted = job.counts ? safely(job.counts) : { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  const counts = verdict(code, counted)
  console.log(`${output.trimEnd()}\n${counts.failed > 0 ? '✘' : '✔'} ${job.name}: ${closingLine(counts)} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`)
  return counts
}

function outcome ({ command: [program, ...args], cwd, env, limitMs, name }: Job): Promise<{ code: number | null, output: string }> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const child = spawn(program!, args, {
      cwd: join(REPOSITORY, cwd ?? '.'), env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs
    })
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', error => { chunks.push(Buffer.from(`${name}: ${error.message}\n`)); resolve({ code: null, output: Buffer.concat(chunks).toString() }) })
    child.on('close', (code, signal) => {
      if (signal) chunks.push(Buffer.from(`${name} was ended by ${signal} (limit: ${limitMs / MINUTE_MS} min)\n`))
      resolve({ code, output: Buffer.concat(chunks).toString() })
    })
  })
}

/** One file with settings of its own (an incident from open to closed takes its time), or the suite of .mocharc.json. */
function mochaJob (suite: string, file?: string): Job {
  const name = file ? relative(join('test'), file) : suite
  const report = join(reports, `${name.replaceAll('/', '-')}.json`)
  const own = file ? ['--no-config', '--node-option', 'import=tsx', '--timeout', String(10 * MINUTE_MS), '--forbid-only', file] : []
  return {
    suite,
    name,
    command: node('mocha/bin/mocha.js', '--reporter', 'test/counting-reporter.cjs', '--reporter-option', `counts=${report}`, ...own),
    limitMs: 15 * MINUTE_MS,
    counts: () => JSON.parse(readFileSync(report, 'utf8')) as Counts
  }
}

function pytestJob (suite: string, { python, cwd, paths = [] }: { python: string, cwd?: string, paths?: string[] }): Job {
  const file = join(reports, `${suite}.xml`)
  return {
    suite,
    name: suite,
    command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', `--junitxml=${file}`, ...paths],
    ...cwd !== undefined && { cwd },
    env: { PYTHONPATH: tools.pytestPackages },
    limitMs: 15 * MINUTE_MS,
    counts: () => countsOfJunit(readFileSync(file, 'utf8'))
  }
}

/** The suite's files, the largest first: a rough measure of how long they take. */
function testFiles (suite: string): string[] {
  const directory = join(REPOSITORY, 'test', suite)
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.ts'))
    .map(file => join('test', suite, file)).sort((a, b) => statSync(join(REPOSITORY, b)).size - statSync(join(REPOSITORY, a)).size)
}

function node (script: string, ...args: string[]): string[] {
  return [process.execPath, join(REPOSITORY, 'node_modules', script), ...args]
}

function safely<T> (read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
