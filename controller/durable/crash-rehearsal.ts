/**
 * A process for the tests of durable.ts: it runs one workflow that dies, as by a kill, in the step it is told to.
 */
import { appendFileSync } from 'node:fs'
import { launch, now, pause, shutdown, start, step, workflow } from './durable.ts'

const [databaseUrl, journal, dieIn] = process.argv.slice(2) as [string, string, string]
const policy = { timeoutMs: 10_000, attempts: 1, pauseMs: 10 }

async function act (name: string): Promise<string> {
  appendFileSync(journal, `${name}\n`)
  if (name === dieIn) process.kill(process.pid, 'SIGKILL')
  return name
}

const lane = workflow('lane', async (name: string) => {
  await step(`${name}.first`, policy, () => act(`${name}.first`))
  await pause(50)
  return await step(`${name}.second`, policy, () => act(`${name}.second`))
})

const spine = workflow('spine', async () => {
  const began = await now()
  const lanes = [await start(lane, 'rehearsal/a', 'a'), await start(lane, 'rehearsal/b', 'b')]
  const outcomes = await Promise.all(lanes.map((each) => each.outcome()))
  await step('last', policy, () => act('last'))
  return { began, ok: outcomes.every(({ ok }) => ok) }
})

const quiet = { info: () => {}, debug: () => {}, warn: () => {}, error: (entry: unknown) => { process.stderr.write(`${String(entry)}\n`) } }
await launch({ databaseUrl, version: 'test', log: quiet })
const outcome = await (await start(spine, 'rehearsal')).outcome()
process.stdout.write(JSON.stringify(outcome))
await shutdown()
