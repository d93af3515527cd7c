/** Environments of Python packages, one per lock file. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../command.mjs'
import { isAtLeast, parseVersion } from '../decisions.mjs'
import { publishDirectory, removeTree } from '../exclusive.mjs'
import { PYTHON_LOCKS, REPOSITORY, onPath, toolchain } from '../paths.mjs'

const OLDEST_PYTHON = [3, 10]
const PROGRAMS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']
const FACTS = 'import sys, importlib.util as u, json; print(json.dumps({"version": sys.version, ' +
  '"venv": bool(u.find_spec("venv") and u.find_spec("ensurepip")), "pip": bool(u.find_spec("pip"))}))'
/** Written last: an environment without it was interrupted. */
const STAMP = '.complete'

/** A virtual environment with what a lock file pins. */
export function virtualEnvironment (name, lock, directory) {
  return {
    name,
    ready: () => existsSync(join(directory, STAMP)) && existsSync(join(directory, 'bin', 'python3')),
    remedy: 'Check that the Python registry can be reached and that this Python can use the packages of ' + lock + '.',
    async make (say) {
      requireLock(lock)
      say(`installing ${lock}`)
      // Made in place, for scripts in bin/ name their interpreter by its full path.
      await removeTree(directory)
      const pip = await createEnvironment(directory)
      // Modules are compiled when they are first imported, which most never are.
      await pip(['install', '--no-compile', '--progress-bar', 'off', '--requirement', join(REPOSITORY, lock)], line => say(line.trim(), { loud: false }))
      await writeFile(join(directory, STAMP), '')
    }
  }
}

/** pytest for either environment, beside them: what the sandbox runs stays free of test tools. */
export function pytestPackages () {
  const directory = toolchain().pytestPackages
  return {
    name: 'pytest',
    ready: () => existsSync(join(directory, 'pytest')),
    after: ['emulator'],
    remedy: 'Check that the Python registry can be reached.',
    async make (say) {
      requireLock(PYTHON_LOCKS.pytest)
      say('installing')
      await publishDirectory(directory, making =>
        run(toolchain().emulatorPython, ['-m', 'pip', ...PIP_OPTIONS, 'install', '--target', making, '--requirement', join(REPOSITORY, PYTHON_LOCKS.pytest)], { env: pythonEnvironment() }))
    }
  }
}

/** Creates an empty virtual environment; resolves to a function that runs its pip. */
export async function createEnvironment (directory) {
  const python = await findPython()
  await mkdir(dirname(directory), { recursive: true })
  const env = pythonEnvironment()
  const inside = join(directory, 'bin', 'python3')
  await run(python.path, ['-m', 'venv', ...(python.venv ? [] : ['--without-pip']), directory], { env })
  const pip = python.venv ? [inside, '-m', 'pip'] : [python.path, '-m', 'pip', '--python', inside]
  return (args, onLine) => run(pip[0], [...pip.slice(1), ...PIP_OPTIONS, ...args], { env, onLine })
}

const PIP_OPTIONS = ['--disable-pip-version-check', '--no-input', '--no-color']

let found
/** The first Python on PATH that is new enough and can make environments. */
function findPython () {
  found ??= lookForPython()
  return found
}

async function lookForPython () {
  const passedOver = []
  for (const program of PROGRAMS) {
    const path = onPath(program)
    if (!path) continue
    const printed = await run(path, ['-c', FACTS], { env: pythonEnvironment() }).catch(() => undefined)
    if (printed === undefined) continue
    const facts = JSON.parse(printed)
    const version = parseVersion(facts.version)
    if (!isAtLeast(version, OLDEST_PYTHON)) passedOver.push(`${path} is ${version.join('.')}`)
    else if (!facts.venv && !facts.pip) passedOver.push(`${path} can make no environments (on Debian: apt-get install python3-venv)`)
    else return { path, ...facts }
  }
  throw new Error(`no Python ${OLDEST_PYTHON.join('.')} or newer that can make virtual environments` +
    (passedOver.length > 0 ? `: ${passedOver.join('; ')}` : ' on PATH: install Python (on Debian: apt-get install python3 python3-venv)'))
}

/** The environment without the settings that would send packages elsewhere. */
function pythonEnvironment () {
  const { PYTHONHOME, PYTHONPATH, PIP_TARGET, PIP_PREFIX, ...env } = process.env
  return { ...env, PIP_USER: '0' }
}

function requireLock (lock) {
  if (!existsSync(join(REPOSITORY, lock))) throw new Error(`${lock} is not in the checkout`)
}
