/**
 * The controller's process: configuration, wiring, durable engine, listen, graceful close.
 */
import { rename, writeFile } from 'node:fs/promises'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { readConfig } from './config.ts'
import { messageOf } from './incident/errors.ts'
import { wire } from './wiring.ts'

/** How long requests and steps in flight may take to end; the rest is taken up at the next start. */
const GRACE_MS = 15_000

async function main (): Promise<void> {
  const config = readConfig(process.env)
  const log = pino({
    level: config.logLevel,
    // Tokens and credentials never reach a log, whoever logs the object they are in.
    redact: ['req.headers.authorization', '*.authorization', '*.secretAccessKey', '*.sessionToken', '*.password']
  })
  const controller = await wire(config, log)
  closeWithGrace({ delay: GRACE_MS, logger: { error: (words: unknown) => { log.error(words) } } }, async ({ err, signal }) => {
    if (err) log.error({ err }, 'stopping after an error')
    else log.info({ signal }, 'stopping')
    await controller.close()
  })
  const api = await controller.listen()
  if (config.readyFile) {
    await writeFile(`${config.readyFile}.new`, JSON.stringify({ api, pid: process.pid }))
    await rename(`${config.readyFile}.new`, config.readyFile)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`The controller can't start: ${messageOf(error)}\n`)
  process.exit(1)
})
