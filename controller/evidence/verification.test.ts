import assert from 'node:assert/strict'
import type { Artifact, LedgerEntry } from '../incident/incident.ts'
import { headOf, link, type NewEntry } from './custody-ledger.ts'
import type { Manifest } from './manifest.ts'
import { verifyEvidence, type EvidenceSet } from './verification.ts'

const INCIDENT = 'incident-1'
const AT = '2026-01-02T03:04:05.000Z'
const HASHES = { metadata: 'a'.repeat(64), findings: 'b'.repeat(64), manifest: 'c'.repeat(64) }

function ledgerOf (entries: NewEntry[]): LedgerEntry[] {
  const ledger: LedgerEntry[] = []
  for (const entry of entries) ledger.push(link(INCIDENT, ledger.at(-1), entry))
  return ledger
}

const stored = (artifactId: keyof typeof HASHES): NewEntry => ({ at: AT, actor: 'cleanroom:acquire', action: 'evidence.stored', artifactId, sha256: HASHES[artifactId], detail: {} })

/** Evidence as it is after closure: two artefacts in the manifest, and the manifest itself after it. */
function whole (): EvidenceSet {
  const ledger = ledgerOf([{ at: AT, actor: 'ada', action: 'incident.opened', detail: {} }, stored('metadata'), stored('findings'), stored('manifest')])
  const artifact = (id: keyof typeof HASHES): Artifact => ({ id, kind: 'metadata', sha256: HASHES[id], size: 7, key: `incidents/${INCIDENT}/metadata/${id}/x`, acquiredAt: AT, actor: 'cleanroom:acquire', source: 'EC2' })
  const manifest: Manifest = {
    type: 'cleanroom-manifest',
    version: 1,
    incident: { id: INCIDENT, ticket: 'SEC-7', severity: 'high', reason: 'beaconing', openedBy: 'ada', openedAt: AT, targets: [] },
    ledger: headOf(ledger.slice(0, 3))!,
    artifacts: [artifact('metadata'), artifact('findings')]
  }
  return { manifest, ledger, observed: new Map(Object.entries(HASHES).map(([id, sha256]) => [id, { sha256, size: 7 }])) }
}

describe('verification of evidence', () => {
  it('finds nothing wrong with what is whole', () => {
    assert.deepEqual(verifyEvidence(whole()), [])
  })

  const TAMPERED: Array<[what: string, tamper: (set: EvidenceSet) => void, place: string, problem: RegExp]> = [
    ['an artefact was changed', ({ observed }) => observed.set('findings', { sha256: 'd'.repeat(64), size: 7 }), 'artifacts/findings', /was changed/],
    ['an artefact has another length', ({ observed }) => observed.set('findings', { sha256: HASHES.findings, size: 8 }), 'artifacts/findings', /8 bytes/],
    ['an artefact is missing', ({ observed }) => observed.delete('metadata'), 'artifacts/metadata', /not there/],
    ['the manifest\'s artefact is missing', ({ observed }) => observed.delete('manifest'), 'artifacts/manifest', /not there/],
    ['an artefact was added', ({ observed }) => observed.set('planted', { sha256: 'e'.repeat(64), size: 1 }), 'artifacts/planted', /neither in the manifest nor/],
    ['what came after the manifest was changed', ({ observed }) => observed.set('manifest', { sha256: 'd'.repeat(64), size: 7 }), 'artifacts/manifest', /neither in the manifest nor/],
    ['a ledger entry was changed', ({ ledger }) => { ledger[1]!.actor = 'eve' }, 'ledger/2', /was changed/],
    ['a ledger entry was taken out', ({ ledger }) => ledger.splice(1, 1), 'ledger/2', /does not link|has number/],
    ['the ledger\'s end was cut off', ({ ledger }) => ledger.splice(2), 'ledger/3', /missing or another/],
    ['the manifest lists what the ledger does not know', ({ manifest, observed }) => {
      manifest.artifacts.push({ ...manifest.artifacts[0]!, id: 'planted' })
      observed.set('planted', { sha256: HASHES.metadata, size: 7 })
    }, 'artifacts/planted', /not in the ledger/],
    ['it is of another incident', ({ manifest }) => { manifest.incident.id = 'incident-2' }, 'ledger/1', /does not link/]
  ]
  for (const [what, tamper, place, problem] of TAMPERED) {
    it(`says where, when ${what}`, () => {
      const set = whole()
      tamper(set)
      const found = verifyEvidence(set)
      assert.ok(found.some((one) => one.place === place && problem.test(one.problem)), JSON.stringify(found))
    })
  }

  it('finds the whole of a ledger that was written anew from the middle', () => {
    const set = whole()
    const [first, ...rest] = set.ledger.map(({ seq, hash, prevHash, ...entry }) => entry)
    set.ledger = ledgerOf([first!, { ...rest[0]!, actor: 'eve' }, ...rest.slice(1)])
    assert.deepEqual(verifyEvidence(set).map(({ place }) => place), ['ledger/3'])
  })
})
