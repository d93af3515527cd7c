import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const PRODUCT = ['stacks', 'controller', 'scripts', 'forensic-ami']

interface Module { path: string, imports: string[] }

/** Every TypeScript module of a folder, tests left out, with what it imports: package names, or paths from the root. */
function modules (...folders: string[]): Module[] {
  return folders.flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.includes('node_modules'))
    .map((name) => {
      const path = join(folder, name)
      const text = readFileSync(join(ROOT, path), 'utf8')
      const imports = [...text.matchAll(/^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/gm)]
        .map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!)
        .map((name) => name.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), name)) : name)
      return { path, imports }
    }))
}

const offenders = (list: Module[], forbidden: RegExp): string[] =>
  list.flatMap(({ path, imports }) => imports.filter((name) => forbidden.test(name)).map((name) => `${path} imports ${name}`))

describe('the architecture', () => {
  it('has modules to look at, so that the rules below can fail', () => {
    assert.ok(modules('controller').length > 40)
    assert.ok(modules('controller').some(({ imports }) => imports.includes('@dbos-inc/dbos-sdk')))
    assert.ok(modules('controller').some(({ imports }) => imports.some((name) => name.startsWith('@pulumi/'))))
  })

  it('keeps the sandbox out of the product', () => {
    assert.deepEqual(offenders(modules(...PRODUCT), /^sandbox\//), [])
  })

  it('keeps tests and their helpers out of the product', () => {
    assert.deepEqual(offenders(modules(...PRODUCT), /^(test\/|mocha$|fast-check$)/), [])
  })

  it('leaves the durable engine to controller/durable', () => {
    assert.deepEqual(offenders(modules(...PRODUCT).filter(({ path }) => !path.startsWith('controller/durable/')), /^@dbos-inc\//), [])
  })

  it('leaves Pulumi to the stacks and to controller/clean-room', () => {
    const others = modules(...PRODUCT).filter(({ path }) => !path.startsWith('stacks/') && !path.startsWith('controller/clean-room/'))
    assert.deepEqual(offenders(others, /^@pulumi\//), [])
  })

  it('leaves HTTP to controller/http and the process', () => {
    const others = modules('controller').filter(({ path }) => !path.startsWith('controller/http/') && path !== 'controller/wiring.ts')
    assert.deepEqual(offenders(others, /^(@fastify\/|fastify)/), [])
  })

  it('keeps the incident itself free of the outside', () => {
    assert.deepEqual(offenders(modules('controller/incident'), /^(@aws-sdk|@pulumi|@dbos-inc|fastify|@fastify|pg$|node:(fs|http|net|child_process))/), [])
    assert.deepEqual(offenders(modules('controller/incident'), /^(?!controller\/incident\/)[a-z-]+\//).filter((words) => !/imports typebox/.test(words)), [])
  })

  it('wires every adapter in one place: only wiring.ts imports from every part', () => {
    const parts = ['evidence', 'http', 'durable', 'clean-room', 'response', 'notify']
    const knowing = modules('controller').filter(({ imports }) => parts.every((part) => imports.some((name) => name.startsWith(`controller/${part}/`))))
    assert.deepEqual(knowing.map(({ path }) => path), ['controller/wiring.ts'])
  })
})

describe('the words of the repository', () => {
  const tracked = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/(^|\/)(node_modules|\.git|\.sandbox|__pycache__|coverage)(\/|$)/.test(name) && /\.(ts|mjs|py|md|ya?ml|json|lock|sh)$/.test(name))

  it('name no package registry: whoever installs uses their own', () => {
    const hosts = new RegExp(['registry\\.npm' + 'js', 'pypi\\.' + 'org', 'files\\.python' + 'hosted', 'proxy\\.go' + 'lang'].join('|'))
    const naming = tracked.filter((name) => hosts.test(readFileSync(join(ROOT, name), 'utf8')))
    assert.deepEqual(naming, [])
  })
})
