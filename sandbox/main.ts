/**
 * `npm run sandbox`: the sandbox in the foreground until SIGINT or SIGTERM.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DEMO_SCENARIO, startSandbox, writeReadyFile, writeShellFile, type SandboxOptions } from './sandbox.ts'

const USAGE = `npm run sandbox -- [options]
  --ready-file FILE   written when everything is up: addresses, tokens, instances
  --scenario DIR      another scenario than the demo's
  --empty             no scenario
  --no-baseline       neither baseline nor controller: \`pulumi up\` makes the baseline
  --state-dir DIR     where it keeps its files
  --latency-ms N      added to every AWS call
  --pending LIST      snapshot=S,volume=S,instance=S: seconds that new things stay pending
  --faults FILE       YAML list of calls that fail or are slow`

async function main (): Promise<void> {
  const { values } = parseArgs({
    options: {
      'ready-file': { type: 'string' },
      scenario: { type: 'string' },
      empty: { type: 'boolean' },
      'no-baseline': { type: 'boolean' },
      'state-dir': { type: 'string' },
      'latency-ms': { type: 'string' },
      pending: { type: 'string' },
      faults: { type: 'string' },
      help: { type: 'boolean', short: 'h' }
    }
  })
  if (values.help) {
    console.log(USAGE)
    return
  }
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { resolve() })
  })
  const options: SandboxOptions = {
    baseline: !values['no-baseline'],
    say: (words) => { console.log(words) },
    ...!values.empty && { scenario: resolve(values.scenario ?? DEMO_SCENARIO) },
    ...values['state-dir'] && { stateDir: resolve(values['state-dir']) },
    ...values['latency-ms'] && { latencyMs: numberOf('--latency-ms', values['latency-ms']) },
    ...values.pending && { pending: values.pending },
    ...values.faults && { faults: resolve(values.faults) }
  }
  const readyFile = values['ready-file']
  let up = false
  const sandbox = await startSandbox({
    ...options,
    // Again after every restart of the controller: its process id is another.
    onController: async (running) => { if (up && readyFile) await writeReadyFile(readyFile, running) }
  })
  up = true
  if (readyFile) await writeReadyFile(readyFile, sandbox)
  console.log(`Ready. For a shell on it: source ${await writeShellFile(sandbox)}`)
  if (sandbox.api) console.log(`Page and API: ${sandbox.api}; a token: ${sandbox.tokens.admin}`)
  await ended
  console.log('Stopping')
  await sandbox.stop()
}

function numberOf (option: string, text: string): number {
  const number = Number(text)
  if (!Number.isFinite(number) || number < 0) throw new Error(`${option} takes a number of milliseconds, not "${text}"`)
  return number
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
