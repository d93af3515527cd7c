import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ERRORS } from '../../controller/incident/errors.ts'

const PARTS = ['Meaning', 'Check', 'Safe to do']

describe('docs/failure-modes.md', () => {
  let sections: Map<string, string>

  before(async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/failure-modes.md'), 'utf8')
    const parts = text.split(/^### /m).slice(1)
    sections = new Map(parts.map((part) => [part.split('\n', 1)[0]!.trim(), part]))
    assert.equal(sections.size, parts.length, 'a code stands there twice')
  })

  it('has every code of the list of errors, and no other', () => {
    assert.deepEqual([...sections.keys()].sort(), Object.keys(ERRORS).sort())
  })

  it('says of each what it means, what to check and what is safe to do', () => {
    for (const [code, section] of sections) {
      for (const part of PARTS) assert.match(section, new RegExp(`^- \\*\\*${part}\\*\\*: \\S.{10,}`, 'm'), `${code}: ${part}`)
    }
  })
})
