import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KINDS } from '../../controller/containment/plan.ts'
import { ERRORS } from '../../controller/incident/errors.ts'

const PARTS = ['Meaning', 'Check', 'Safe to do']

describe('docs/failure-modes.md', () => {
  let text: string
  let sections: Map<string, string>

  before(async () => {
    text = await readFile(join(import.meta.dirname, '../../docs/failure-modes.md'), 'utf8')
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

  it('says of every containment action what it ends in when it breaks, and of no other', () => {
    const table = text.split('\n## ').find((section) => section.startsWith('Containment, action by action'))!
    const rows = table.split('\n').filter((line) => / \((done|failed)\) \|/.test(line)).map((line) => line.split('|').map((cell) => cell.trim()).slice(1, -1))
    assert.deepEqual([...new Set(rows.map(([action]) => /^`([a-z-]+)`/.exec(action!)?.[1]))].sort(), Object.keys(KINDS).sort())
    for (const [action, ...ends] of rows) {
      assert.equal(ends.length, 6, action)
      for (const end of ends) assert.match(end, /^(contained \((done|unchanged)\)|partial \((done|failed)\)|failed \(failed\))$/, action)
    }
  })
})
