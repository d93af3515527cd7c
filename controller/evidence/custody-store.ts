/**
 * The chain of custody in PostgreSQL: appended under the incident's row lock, so that the chain has one
 * end, and once per key, so that a step which runs again writes nothing twice.
 */
import type { Pool } from 'pg'
import { inTransaction } from '../database/pool.ts'
import type { Custody, CustodyNote } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { LedgerEntry } from '../incident/incident.ts'
import { link, type NewEntry } from './custody-ledger.ts'
import { storable } from '../database/storable.ts'

export class CustodyStore implements Custody {
  readonly #pool: Pool

  constructor (pool: Pool) {
    this.#pool = pool
  }

  /**
   * Appends an entry, or answers the one that has the key already, whatever it says.
   * @throws CleanroomError NOT_FOUND when there is no such incident
   */
  async append (incidentId: string, { key, ...note }: CustodyNote): Promise<LedgerEntry> {
    return await inTransaction(this.#pool, async (db) => {
      // The database's clock is one for all controllers.
      const { rows: [incident] } = await db.query<{ now: Date }>('SELECT clock_timestamp() AS now FROM incidents WHERE id = $1 FOR UPDATE', [incidentId])
      if (!incident) throw new CleanroomError('NOT_FOUND', `There is no incident ${incidentId}.`)
      const { rows: [known] } = await db.query<{ entry: LedgerEntry }>(
        'SELECT entry FROM custody WHERE incident_id = $1 AND entry_key = $2', [incidentId, key])
      if (known) return known.entry
      const { rows: [last] } = await db.query<{ entry: LedgerEntry }>(
        'SELECT entry FROM custody WHERE incident_id = $1 ORDER BY seq DESC LIMIT 1', [incidentId])
      const entry = link(incidentId, last?.entry, entryOf(note, later(incident.now.toISOString(), last?.entry.at)))
      await db.query('INSERT INTO custody (incident_id, seq, entry_key, entry) VALUES ($1, $2, $3, $4)', [incidentId, entry.seq, key, entry])
      return entry
    })
  }

  async find (incidentId: string, key: string): Promise<LedgerEntry | undefined> {
    const { rows } = await this.#pool.query<{ entry: LedgerEntry }>('SELECT entry FROM custody WHERE incident_id = $1 AND entry_key = $2', [incidentId, key])
    return rows[0]?.entry
  }

  /** Entries with `seq` above `after` (0: from the first), in order; all of them without a limit. */
  async list (incidentId: string, { after = 0, limit }: { after?: number, limit?: number } = {}): Promise<LedgerEntry[]> {
    const { rows } = await this.#pool.query<{ entry: LedgerEntry }>(
      'SELECT entry FROM custody WHERE incident_id = $1 AND seq > $2 ORDER BY seq LIMIT $3', [incidentId, after, limit ?? null])
    return rows.map(({ entry }) => entry)
  }
}

function entryOf ({ actor, action, artifactId, sha256, detail = {} }: Omit<CustodyNote, 'key'>, at: string): NewEntry {
  return storable({ at, actor, action, ...artifactId !== undefined && { artifactId }, ...sha256 !== undefined && { sha256 }, detail })
}

/** The order of entries is the order of their times, also when a clock was set back. */
function later (now: string, before: string | undefined): string {
  return before !== undefined && before > now ? before : now
}
