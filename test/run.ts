/**
 * Runs the test suites: all of them, or those that are named, as in `npm test -- unit sandbox`.
 *
 * Each suite is a process of its own with its output as it comes; types and lint count as one test each.
 * The last line is the sum of all; exits with 1 when anything failed.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY, toolchain } from '../sandbox/toolchain/paths.mjs'
import { closingLine, countsOfJunit, sum, verdict, type Counts } from './counts.ts'

const MINUTE_MS = 60_000
const tools = toolchain()
const reports = mkdtempSync(join(tmpdir(), 'cleanroom-test-'))

interface Suite {
  name: string
  command: string[]
  cwd?: string
  env?: Record<string, string>
  /** After this long the suite is ended and has failed. */
  limitMs: number
  /** The counts in what it left; without it, its exit code is the one test. */
  counts?: () => Counts
}

/** Suites of one row run side by side: they are silent when all is well. */
const ROWS: Suite[][] = [
  [
    { name: 'types', command: node('typescript/bin/tsc'), limitMs: 10 * MINUTE_MS },
    { name: 'lint', command: node('eslint/bin/eslint.js', '.'), limitMs: 10 * MINUTE_MS }
  ],
  [mochaSuite('unit', { limitMs: 15 * MINUTE_MS })],
  [pytestSuite('emulator', { python: tools.emulatorPython, cwd: 'sandbox/emulator', limitMs: 15 * MINUTE_MS })],
  [pytestSuite('scripts', { python: tools.analysisPython, paths: ['scripts'], limitMs: 15 * MINUTE_MS })],
  ...['sandbox', 'fault'].filter(hasTests).map(name => [
    // Their own settings: one incident from open to closed takes its time.
    mochaSuite(name, { specs: [`test/${name}/**/*.test.ts`], limitMs: 40 * MINUTE_MS })
  ])
]

process.exitCode = await main(process.argv.slice(2))
rmSync(reports, { recursive: true })

async function main (wanted: string[]): Promise<number> {
  const names = ROWS.flat().map(suite => suite.name)
  const unknown = wanted.filter(name => !names.includes(name))
  if (unknown.length > 0) {
    console.error(`No such suite: ${unknown.join(', ')}. There are: ${names.join(', ')}.`)
    return 1
  }
  const results: Counts[] = []
  for (const row of ROWS) {
    const suites = row.filter(suite => wanted.length === 0 || wanted.includes(suite.name))
    results.push(...await Promise.all(suites.map(run)))
  }
  const total = sum(results)
  console.log(`\n${closingLine(total)}`)
  return total.failed > 0 ? 1 : 0
}

async function run (suite: Suite): Promise<Counts> {
  const start = performance.now()
  console.log(`\n▸ ${suite.name}`)
  const code = await exitCode(suite)
  const counted = suite.counts ? safely(suite.counts) : { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  const counts = verdict(code, counted)
  console.log(`${counts.failed > 0 ? '✘' : '✔'} ${suite.name}: ${closingLine(counts)} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  return counts
}

function exitCode ({ command: [program, ...args], cwd, env, limitMs, name }: Suite): Promise<number | null> {
  return new Promise(resolve => {
    const child = spawn(program!, args, {
      cwd: join(REPOSITORY, cwd ?? '.'), env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'], timeout: limitMs
    })
    child.on('error', error => { console.error(`${name}: ${error.message}`); resolve(null) })
    child.on('close', (code, signal) => {
      if (signal) console.error(`${name} was ended by ${signal} (limit: ${limitMs / MINUTE_MS} min)`)
      resolve(code)
    })
  })
}

function mochaSuite (name: string, { specs = [], limitMs }: { specs?: string[], limitMs: number }): Suite {
  const file = join(reports, `${name}.json`)
  // Without specs of its own it is the suite of .mocharc.json.
  const own = specs.length > 0 ? ['--no-config', '--node-option', 'import=tsx', '--timeout', String(10 * MINUTE_MS), '--forbid-only', ...specs] : []
  return {
    name,
    command: node('mocha/bin/mocha.js', '--reporter', 'test/counting-reporter.cjs', '--reporter-option', `counts=${file}`, ...own),
    limitMs,
    counts: () => JSON.parse(readFileSync(file, 'utf8')) as Counts
  }
}

function pytestSuite (name: string, { python, cwd, paths = [], limitMs }: { python: string, cwd?: string, paths?: string[], limitMs: number }): Suite {
  const file = join(reports, `${name}.xml`)
  return {
    name,
    command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', `--junitxml=${file}`, ...paths],
    cwd,
    env: { PYTHONPATH: tools.pytestPackages },
    limitMs,
    counts: () => countsOfJunit(readFileSync(file, 'utf8'))
  }
}

function node (script: string, ...args: string[]): string[] {
  return [process.execPath, join(REPOSITORY, 'node_modules', script), ...args]
}

function hasTests (name: string): boolean {
  const directory = join(REPOSITORY, 'test', name)
  return existsSync(directory) && readdirSync(directory, { recursive: true }).some(file => String(file).endsWith('.test.ts'))
}

function safely<T> (read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
