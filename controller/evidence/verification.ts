/**
 * Whether a set of evidence is what was taken: manifest, ledger and artefacts against each other. Pure, so
 * that it works offline and years later; the caller verifies the manifest's signature and hashes the files.
 */
import type { LedgerEntry } from '../incident/incident.ts'
import { verifyChain } from './custody-ledger.ts'
import type { Manifest } from './manifest.ts'

export interface EvidenceSet {
  /** As verifyManifest answered it. */
  manifest: Manifest
  /** The ledger from its first entry; it may go on after the manifest. */
  ledger: LedgerEntry[]
  /** Hash (lower-case hex) and size (bytes) of every artefact as it is now, by the artefact's id. */
  observed: Map<string, { sha256: string, size: number }>
}

export interface Discrepancy {
  /** `ledger/7` (its number) or `artifacts/metadata-i-0…`. */
  place: string
  problem: string
}

/** Every discrepancy; empty when the evidence is whole. */
export function verifyEvidence ({ manifest, ledger, observed }: EvidenceSet): Discrepancy[] {
  const stored = ledger.filter(({ action }) => action === 'evidence.stored')
  const entryOf = new Map(stored.map((entry) => [entry.artifactId, entry]))
  const listed = new Set(manifest.artifacts.map(({ id }) => id))
  const found: Discrepancy[] = []
  const report = (place: string, problem: string): void => { found.push({ place, problem }) }

  for (const { index, problem } of verifyChain(manifest.incident.id, ledger, manifest.ledger)) report(`ledger/${index + 1}`, problem)
  for (const { id, sha256, size } of manifest.artifacts) {
    const now = observed.get(id)
    if (!now) report(`artifacts/${id}`, 'is in the manifest, but not there')
    else if (now.sha256 !== sha256) report(`artifacts/${id}`, `was changed: it has SHA-256 ${now.sha256}, the manifest has ${sha256}`)
    else if (now.size !== size) report(`artifacts/${id}`, `was changed: it has ${now.size} bytes, the manifest has ${size}`)
    if (entryOf.get(id)?.sha256 !== sha256) report(`artifacts/${id}`, 'is not in the ledger with the hash that the manifest has')
  }
  // The manifest and what came after it are known by the ledger alone.
  for (const [id, { sha256 }] of observed) {
    if (!listed.has(id) && entryOf.get(id)?.sha256 !== sha256) report(`artifacts/${id}`, 'is neither in the manifest nor, with this hash, in the ledger')
  }
  for (const { seq, artifactId } of stored) {
    if (artifactId !== undefined && !listed.has(artifactId) && !observed.has(artifactId)) report(`artifacts/${artifactId}`, `is in the ledger at ${seq}, but not there`)
  }
  return found
}
