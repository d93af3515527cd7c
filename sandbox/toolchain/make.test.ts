import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeAll, type Piece } from './make.mjs'

describe('the set-up', () => {
  let directory: string
  let printed: string[]
  let made: string[]

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-make-'))
    printed = []
    made = []
  })

  afterEach(() => rm(directory, { recursive: true }))

  const piece = (name: string, more: Partial<Piece> = {}): Piece => ({
    name,
    ready: () => made.includes(name),
    make: async () => { made.push(name) },
    remedy: `get ${name}`,
    ...more
  })
  const failing = (name: string, more: Partial<Piece> = {}) => piece(name, { make: async () => { throw new Error(`no ${name}`) }, ...more })
  const setUp = (...pieces: Piece[]) => makeAll(pieces, { lockFileOf: ({ name }) => join(directory, name), print: line => printed.push(line) })

  it('makes what is missing, and the second time nothing', async () => {
    const pieces = [piece('a'), piece('b')]
    assert.deepEqual(await setUp(...pieces), [])
    assert.deepEqual(made.sort(), ['a', 'b'])
    printed = []
    assert.deepEqual(await setUp(...pieces), [])
    assert.deepEqual(printed, [])
  })

  it('makes a piece after what it needs', async () => {
    await setUp(piece('packages', { make: async () => { await new Promise(resolve => setTimeout(resolve, 20)); made.push('packages') } }),
      piece('pulumi', { after: ['packages'] }))
    assert.deepEqual(made, ['packages', 'pulumi'])
  })

  it('reports all that can\'t be had together, with what needs them, and makes the rest', async () => {
    const failures = await setUp(failing('a'), piece('b'), failing('c'), piece('d', { after: ['a'] }))
    assert.deepEqual(failures.map(({ piece, error }) => [piece.name, error.message]).sort(), [
      ['a', 'no a'], ['c', 'no c'], ['d', 'not tried, for it needs a first']
    ])
    assert.deepEqual(made, ['b'])
  })

  it('makes a piece once when two set-ups run at once', async () => {
    const slow = () => piece('a', { make: async () => { await new Promise(resolve => setTimeout(resolve, 50)); made.push('a') } })
    await Promise.all([setUp(slow()), setUp(slow())])
    assert.deepEqual(made, ['a'])
  })

  it('does not believe a piece that is not in its place after it was made', async () => {
    const [failure] = await setUp(piece('a', { ready: () => false }))
    assert.match(failure!.error.message, /not in its place/)
  })
})
