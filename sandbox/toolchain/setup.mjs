/**
 * Makes everything that the demo, the sandbox and the tests need, on a machine that has only Node.js,
 * Python and package registries: `node sandbox/toolchain/setup.mjs [PIECE …]`.
 *
 * Plain JavaScript and no dependency, for it runs before anything is installed. What is made is kept
 * below the cache directory (see paths.mjs), so the second run only looks. Exits with 1 when a piece
 * can't be had, after trying all, and says which, why and what to do.
 */
import { join } from 'node:path'
import { endAll } from './command.mjs'
import { isAtLeast, parseVersion } from './decisions.mjs'
import { makeAll } from './make.mjs'
import { PYTHON_LOCKS, REPOSITORY, cacheDirectory, shortHash, toolchain } from './paths.mjs'
import { diskTools } from './pieces/disk-tools.mjs'
import { nodeModules } from './pieces/node-modules.mjs'
import { provider } from './pieces/provider.mjs'
import { pulumi } from './pieces/pulumi.mjs'
import { pytestPackages, virtualEnvironment } from './pieces/python.mjs'

const OLDEST_NODE = [20, 19]

const { emulatorVenv, analysisVenv } = toolchain()
const PIECES = [
  diskTools,
  nodeModules,
  virtualEnvironment('emulator', PYTHON_LOCKS.emulator, emulatorVenv),
  virtualEnvironment('analysis tools', PYTHON_LOCKS.analysis, analysisVenv),
  pytestPackages(),
  provider,
  pulumi
]

for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, () => {
    endAll()
    process.exit(code)
  })
}

process.exitCode = await setUp(process.argv.slice(2))

async function setUp (wanted) {
  if (!isAtLeast(parseVersion(process.versions.node), OLDEST_NODE)) {
    console.error(`Node.js ${process.versions.node} is too old: ${OLDEST_NODE.join('.')} or newer is needed.`)
    return 1
  }
  const unknown = wanted.filter(name => !PIECES.some(piece => piece.name === name))
  if (unknown.length > 0) {
    console.error(`No such piece: ${unknown.join(', ')}. There are: ${PIECES.map(piece => piece.name).join(', ')}.`)
    return 1
  }
  const start = performance.now()
  const pieces = PIECES.filter(piece => wanted.length === 0 || wanted.includes(piece.name))
  if (pieces.some(piece => !piece.ready())) console.log(`Setting up the tools, once; they are kept in ${cacheDirectory()}.`)
  const failures = await makeAll(pieces, { lockFileOf, print: line => console.log(line) })
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  for (const { piece, error } of failures) {
    console.error(`\n${piece.name} could not be had:\n  ${error.message.replaceAll('\n', '\n  ')}\nWhat to do: ${piece.remedy}`)
  }
  if (failures.length > 0) return 1
  console.log(`The tools are in place (${seconds} s).`)
  return 0
}

/** node_modules is the checkout's own, all else is shared by every checkout of this user. */
function lockFileOf (piece) {
  const subject = piece === nodeModules ? `${piece.name}-${shortHash(REPOSITORY)}` : piece.name
  return join(cacheDirectory(), 'locks', subject.replaceAll(' ', '-'))
}
