/**
 * The chain of custody as a hash chain: pure. Each entry's hash covers the entry and the hash before it,
 * so that what was written can't be changed, taken out, put in or moved without being seen.
 *
 *   hash = SHA-256, in lower-case hex, of the RFC 8785 text of the entry without `hash`
 *
 * A chain alone can't tell that its end was cut off: for that, compare it with a head that was kept
 * elsewhere, as the signed manifest does.
 */
import { createHash } from 'node:crypto'
import type { LedgerEntry } from '../incident/incident.ts'
import { canonicalJson } from './canonical-json.ts'

/** An entry before it has its place in the chain. */
export type NewEntry = Omit<LedgerEntry, 'seq' | 'prevHash' | 'hash'>

export interface LedgerHead { seq: number, hash: string }

export interface LedgerFault {
  /** Place in the list, counted from 0. */
  index: number
  problem: string
}

/** What the first entry of an incident links to: no chain fits another incident's name. */
export function genesis (incidentId: string): string {
  return sha256(canonicalJson({ incidentId }))
}

/** Puts an entry after `previous`, or first when there is none. */
export function link (incidentId: string, previous: LedgerEntry | undefined, entry: NewEntry): LedgerEntry {
  const linked = { ...entry, seq: (previous?.seq ?? 0) + 1, prevHash: previous?.hash ?? genesis(incidentId) }
  return { ...linked, hash: hashOf(linked) }
}

/**
 * Everything wrong with a chain; empty when it is whole.
 * `head`, where known from elsewhere, must be one of its entries: so a cut-off end is seen.
 */
export function verifyChain (incidentId: string, entries: LedgerEntry[], head?: LedgerHead): LedgerFault[] {
  const faults: LedgerFault[] = []
  for (const [index, entry] of entries.entries()) {
    const expected = entries[index - 1]?.hash ?? genesis(incidentId)
    if (entry.seq !== index + 1) faults.push({ index, problem: `has number ${entry.seq} in place ${index + 1}` })
    if (entry.prevHash !== expected) faults.push({ index, problem: 'does not link to the entry before it' })
    if (recomputed(entry) !== entry.hash) faults.push({ index, problem: 'was changed: its hash is not that of its content' })
  }
  if (head && entries[head.seq - 1]?.hash !== head.hash) {
    faults.push({ index: head.seq - 1, problem: 'is missing or another one than the entry whose hash was kept' })
  }
  return faults
}

/** The last link, to be kept elsewhere. */
export function headOf (entries: LedgerEntry[]): LedgerHead | undefined {
  const last = entries.at(-1)
  return last && { seq: last.seq, hash: last.hash }
}

/** The hash that the content has, or undefined where the content is not JSON. */
function recomputed ({ hash, ...rest }: LedgerEntry): string | undefined {
  try {
    return hashOf(rest)
  } catch {
    return undefined
  }
}

function hashOf (entry: Omit<LedgerEntry, 'hash'>): string {
  return sha256(canonicalJson(entry))
}

function sha256 (text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
