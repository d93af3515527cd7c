import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { LedgerEntry } from '../incident/incident.ts'
import { headOf, link, verifyChain, type NewEntry } from './custody-ledger.ts'

const INCIDENT = '01jzxk3v5n8r9t2w4y6b8d0f2h'

const hex = fc.string({ minLength: 64, maxLength: 64, unit: fc.constantFrom(...'0123456789abcdef') })
const newEntry: fc.Arbitrary<NewEntry> = fc.record({
  at: fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }).map((date) => date.toISOString()),
  actor: fc.string(),
  action: fc.string(),
  artifactId: fc.string(),
  sha256: hex,
  detail: fc.dictionary(fc.string(), fc.jsonValue())
}, { requiredKeys: ['at', 'actor', 'action', 'detail'] })

const chain: fc.Arbitrary<LedgerEntry[]> = fc.array(newEntry, { minLength: 2, maxLength: 8 }).map(chained)

function chained (entries: NewEntry[]): LedgerEntry[] {
  const linked: LedgerEntry[] = []
  for (const entry of entries) linked.push(link(INCIDENT, linked.at(-1), entry))
  return linked
}

/** A chain and a place in it. */
const placed = chain.chain((entries) => fc.tuple(fc.constant(entries), fc.nat(entries.length - 1)))

function assertDetected (original: LedgerEntry[], tampered: LedgerEntry[]): void {
  assert.notDeepEqual(tampered, original)
  assert.notDeepEqual(verifyChain(INCIDENT, tampered, headOf(original)), [])
}

describe('the chain of custody', () => {
  it('is whole as written, also after a way through JSON', () => {
    fc.assert(fc.property(chain, (entries) => {
      assert.deepEqual(verifyChain(INCIDENT, entries, headOf(entries)), [])
      assert.deepEqual(verifyChain(INCIDENT, JSON.parse(JSON.stringify(entries)) as LedgerEntry[], headOf(entries)), [])
    }))
  })

  it('numbers entries from 1 without a gap and links each to the one before', () => {
    fc.assert(fc.property(chain, (entries) => {
      assert.deepEqual(entries.map(({ seq }) => seq), entries.map((_, index) => index + 1))
      assert.deepEqual(entries.slice(1).map(({ prevHash }) => prevHash), entries.slice(0, -1).map(({ hash }) => hash))
    }))
  })

  it('shows any change of any field', () => {
    const fields = ['seq', 'at', 'actor', 'action', 'artifactId', 'sha256', 'detail', 'prevHash', 'hash', 'added'] as const
    fc.assert(fc.property(placed, fc.constantFrom(...fields), ([entries, at], field) => {
      const entry = entries[at]!
      const value = field === 'seq' ? entry.seq + 1 : field === 'detail' ? { ...entry.detail, planted: true } : `${String(entry[field as 'at'])}x`
      assertDetected(entries, entries.with(at, { ...entry, [field]: value }))
    }))
  })

  it('shows a change that was hashed again', () => {
    fc.assert(fc.property(placed, fc.string(), ([entries, at], actor) => {
      fc.pre(actor !== entries[at]!.actor)
      const { seq, prevHash, hash, ...content } = entries[at]!
      assertDetected(entries, entries.with(at, link(INCIDENT, entries[at - 1], { ...content, actor })))
    }))
  })

  it('shows a removed entry, the last one too', () => {
    fc.assert(fc.property(placed, ([entries, at]) => { assertDetected(entries, entries.toSpliced(at, 1)) }))
  })

  it('shows entries that changed places', () => {
    fc.assert(fc.property(placed, fc.nat(), ([entries, one], seed) => {
      const other = (one + 1 + seed % (entries.length - 1)) % entries.length
      assertDetected(entries, entries.with(one, entries[other]!).with(other, entries[one]!))
    }))
  })

  it('shows an entry that was put in before the end', () => {
    fc.assert(fc.property(placed, newEntry, ([entries, at], added) => {
      assertDetected(entries, entries.toSpliced(at, 0, link(INCIDENT, entries[at - 1], added)))
    }))
  })

  it('shows that the end was rewritten, when the head was kept', () => {
    fc.assert(fc.property(placed, newEntry, ([entries, at], added) => {
      const rewritten = entries.slice(0, at)
      rewritten.push(link(INCIDENT, rewritten.at(-1), added))
      fc.pre(rewritten.at(-1)!.hash !== entries[at]!.hash)
      assertDetected(entries, rewritten)
    }))
  })

  it('may grow after its head was kept', () => {
    fc.assert(fc.property(chain, newEntry, (entries, added) => {
      assert.deepEqual(verifyChain(INCIDENT, [...entries, link(INCIDENT, entries.at(-1), added)], headOf(entries)), [])
    }))
  })

  it('is of one incident and fits no other', () => {
    fc.assert(fc.property(chain, (entries) => { assert.notDeepEqual(verifyChain('another', entries), []) }))
  })
})
