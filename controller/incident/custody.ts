/**
 * The port through which every step writes to the chain of custody.
 */
import type { LedgerEntry } from './incident.ts'

export interface CustodyNote {
  /** Names the promise (step and subject): noting it twice records it once and answers the first record. */
  key: string
  actor: string
  action: string
  artifactId?: string
  sha256?: string
  detail?: Record<string, unknown>
}

export interface Custody {
  append: (incidentId: string, note: CustodyNote) => Promise<LedgerEntry>
  /** The entry that has the key, if one has. */
  find: (incidentId: string, key: string) => Promise<LedgerEntry | undefined>
}

/** Who acts when nobody is asked: the controller, in the role of a phase. */
export function controllerActor (phase: string): string {
  return `cleanroom:${phase}`
}
