import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { engineCommand, PID_FILE_VARIABLE, stopEngine } from './engine-command.ts'

describe('The engine\'s command line', () => {
  let directory: string
  before(async () => { directory = await mkdtemp(join(tmpdir(), 'cleanroom-engine-')) })
  after(async () => { await rm(directory, { recursive: true, force: true }) })

  /** A Pulumi that says its version, and else does as `script` says. */
  async function pulumi (name: string, script: string): Promise<string> {
    const home = join(directory, name)
    await mkdir(join(home, 'bin'), { recursive: true })
    await writeFile(join(home, 'bin', 'pulumi'), `#!/bin/sh\nif [ "$1" = version ]; then echo v3.250.0; exit; fi\n${script}\n`, { mode: 0o755 })
    return home
  }

  /** Starts the launcher as the Automation API would. */
  async function start (name: string, script: string) {
    const { command } = await engineCommand(join(directory, `${name}-state`), await pulumi(name, script))
    const pidFile = join(directory, `${name}.pid`)
    const engine = spawn(command, ['up'], { env: { ...process.env, [PID_FILE_VARIABLE]: pidFile }, stdio: ['ignore', 'pipe', 'pipe'] })
    await once(engine.stdout, 'data')
    return { engine, pidFile }
  }

  it('is heard on both its outputs to the last word, and answers with its own exit code', async () => {
    const { command } = await engineCommand(join(directory, 'heard-state'), await pulumi('heard', 'echo out; echo err >&2; exit 3'))
    const engine = spawn(command, ['up'], { env: { ...process.env, [PID_FILE_VARIABLE]: join(directory, 'heard.pid') } })
    const said = { out: '', err: '' }
    engine.stdout.on('data', chunk => { said.out += String(chunk) })
    engine.stderr.on('data', chunk => { said.err += String(chunk) })
    assert.deepEqual(await once(engine, 'close'), [3, null])
    assert.deepEqual(said, { out: 'out\n', err: 'err\n' })
  })

  it('is found again by its process id', async () => {
    const { engine, pidFile } = await start('found', 'echo started; exec sleep 60')
    assert.equal(Number(await readFile(pidFile, 'utf8')), engine.pid)
    engine.kill('SIGKILL')
    await once(engine, 'exit')
  })

  it('is asked to stop, and waited for while it writes down what it did', async () => {
    const { engine, pidFile } = await start('asked', 'trap "sleep 0.3; echo done > $0.done; exit 0" INT\necho started\nwhile :; do sleep 0.05; done')
    assert.equal(await stopEngine(pidFile, 10_000), true)
    await access(join(directory, 'asked', 'bin', 'pulumi.done'))
    assert.equal(engine.signalCode, null)
  })

  it('is killed when it does not stop', async () => {
    const { engine, pidFile } = await start('deaf', 'trap "" INT\necho started\nwhile :; do sleep 0.05; done')
    const exit = once(engine, 'exit')
    assert.equal(await stopEngine(pidFile, 300), true)
    assert.deepEqual(await exit, [null, 'SIGKILL'])
  })

  it('outlives a parent that no longer reads what it says', async () => {
    // As a Go program does: its first word into a broken pipe is its last.
    const { engine } = await start('unheard', 'echo started\nwhile [ ! -e $0.go ]; do sleep 0.05; done\nfor n in 1 2 3; do echo $n || exit 1; echo $n >&2 || exit 1; sleep 0.1; done\ntouch $0.survived')
    const exit = once(engine, 'exit')
    engine.stdout.destroy()
    engine.stderr.destroy()
    await writeFile(join(directory, 'unheard', 'bin', 'pulumi.go'), '')
    await exit
    await access(join(directory, 'unheard', 'bin', 'pulumi.survived'))
  })

  it('is never mistaken for another process that has its id now', async () => {
    const other = spawn('sleep', ['60'])
    const pidFile = join(directory, 'other.pid')
    await writeFile(pidFile, `${other.pid}\n`)
    assert.equal(await stopEngine(pidFile, 0), false)
    assert.equal(other.exitCode, null)
    other.kill('SIGKILL')
    await once(other, 'exit')
  })

  it('was not running where nothing was written down', async () => {
    assert.equal(await stopEngine(join(directory, 'none.pid'), 0), false)
  })

  it('says what is missing where there is no Pulumi', async () => {
    await assert.rejects(engineCommand(join(directory, 'state'), join(directory, 'nowhere')), { code: 'ENGINE_UNAVAILABLE' })
  })
})
