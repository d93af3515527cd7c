/**
 * Incidents in PostgreSQL: one document each, changed under a row lock together with the event that says so.
 */
import type { Pool, PoolClient } from 'pg'
import { CleanroomError } from '../incident/errors.ts'
import type { AnalysisRun, Finding, Incident, Phase, Target } from '../incident/incident.ts'
import { canMove } from '../incident/phases.ts'
import { inTransaction } from './pool.ts'
import { storable } from './storable.ts'

export interface IncidentEvent { seq: number, incidentId: string, at: string, type: string, data: Record<string, unknown> }
export interface NewEvent { type: string, data: Record<string, unknown> }
export interface OpenedIncident { incident: Incident, created: boolean }

const EVENTS_CHANNEL = 'cleanroom_events'
const LISTEN_AGAIN_MS = 1_000

export class IncidentStore {
  readonly #pool: Pool

  constructor (pool: Pool) {
    this.#pool = pool
  }

  /**
   * Stores a new incident and claims its instances, or answers the incident that has them already.
   * @throws CleanroomError CONFLICT when its instances belong to several open incidents or only some do,
   *   IDEMPOTENCY_KEY_REUSED when the key came with another request
   */
  async open (incident: Incident, idempotency: { key?: string, requestHash: string }): Promise<OpenedIncident> {
    return await inTransaction(this.#pool, async (db) => {
      // One door for all openings: two simultaneous requests for one instance must meet.
      await db.query('SELECT pg_advisory_xact_lock(hashtext($1))', ['cleanroom.open-incident'])
      const repeated = await this.#byIdempotencyKey(db, idempotency)
      if (repeated) return { incident: repeated, created: false }
      const holder = await this.#holderOf(db, incident)
      if (holder) return { incident: holder, created: false }
      await db.query(
        'INSERT INTO incidents (id, phase, opened_at, document, idempotency_key, request_hash) VALUES ($1, $2, $3, $4, $5, $6)',
        [incident.id, incident.phase, incident.openedAt, storable(incident), idempotency.key ?? null, idempotency.requestHash])
      for (const { accountId, region, instanceId } of incident.targets) {
        await db.query('INSERT INTO open_targets (account_id, region, instance_id, incident_id) VALUES ($1, $2, $3, $4)',
          [accountId, region, instanceId, incident.id])
      }
      await this.#addEvent(db, incident.id, { type: 'incident.opened', data: { openedBy: incident.openedBy, reason: incident.reason } })
      return { incident, created: true }
    })
  }

  async #byIdempotencyKey (db: PoolClient, { key, requestHash }: { key?: string, requestHash: string }): Promise<Incident | undefined> {
    if (!key) return undefined
    const { rows } = await db.query<{ document: Incident, request_hash: string }>(
      'SELECT document, request_hash FROM incidents WHERE idempotency_key = $1', [key])
    if (rows[0] && rows[0].request_hash !== requestHash) {
      throw new CleanroomError('IDEMPOTENCY_KEY_REUSED', `The key "${key}" opened incident ${rows[0].document.id} with another body.`)
    }
    return rows[0]?.document
  }

  async #holderOf (db: PoolClient, incident: Incident): Promise<Incident | undefined> {
    const held: Array<{ instanceId: string, incidentId: string }> = []
    for (const { accountId, region, instanceId } of incident.targets) {
      const { rows } = await db.query<{ incident_id: string }>(
        'SELECT incident_id FROM open_targets WHERE account_id = $1 AND region = $2 AND instance_id = $3',
        [accountId, region, instanceId])
      if (rows[0]) held.push({ instanceId, incidentId: rows[0].incident_id })
    }
    if (held.length === 0) return undefined
    const [first] = held
    if (held.length === incident.targets.length && held.every(({ incidentId }) => incidentId === first!.incidentId)) {
      return await this.#read(db, first!.incidentId, '')
    }
    throw new CleanroomError('CONFLICT',
      'Some of these instances are in other open incidents; open one for the rest only.', { extra: { openIncidents: held } })
  }

  /** A later incident that contains the instance, open or closed; ids are ordered by time. */
  async laterHolderOf (id: string, { accountId, region, instanceId }: Pick<Target, 'accountId' | 'region' | 'instanceId'>): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ document: Incident }>(
      'SELECT document FROM incidents WHERE id > $1 AND document @> $2 ORDER BY id DESC', [id, { targets: [{ accountId, region, instanceId }] }])
    const holds = ({ targets }: Incident): boolean => targets.some((target) =>
      target.instanceId === instanceId && target.accountId === accountId && target.region === region && target.containment.state !== 'released')
    return rows.find(({ document }) => holds(document))?.document.id
  }

  /** Incidents, also closed ones, with a decision that is approved and not carried out. */
  async withApprovedDecisions (): Promise<Incident[]> {
    const { rows } = await this.#pool.query<{ document: Incident }>(
      'SELECT document FROM incidents WHERE document @> $1 ORDER BY id', [{ decisions: [{ state: 'approved' }] }])
    return rows.map(({ document }) => document)
  }

  /** @throws CleanroomError NOT_FOUND */
  async get (id: string): Promise<Incident> {
    return await this.#read(this.#pool, id, '')
  }

  /** Newest first, by id (ids are ordered by time). `cursor` is the id the page before ended with. */
  async list ({ phase, cursor, limit }: { phase?: Phase, cursor?: string, limit: number }): Promise<{ items: Incident[], nextCursor?: string }> {
    const { rows } = await this.#pool.query<{ document: Incident }>(
      'SELECT document FROM incidents WHERE ($1::text IS NULL OR phase = $1) AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3',
      [phase ?? null, cursor ?? null, limit + 1])
    const items = rows.slice(0, limit).map(({ document }) => document)
    const last = rows.length > limit ? items.at(-1) : undefined
    return { items, ...last && { nextCursor: last.id } }
  }

  /** Changes the document in place under its lock and records the event, both or neither. */
  async update (id: string, change: (incident: Incident) => void, event?: NewEvent): Promise<Incident> {
    return await inTransaction(this.#pool, async (db) => {
      const incident = await this.#read(db, id, 'FOR UPDATE')
      const phase = incident.phase
      change(incident)
      if (incident.phase !== phase) throw new Error('the phase changes by moveTo only')
      await this.#write(db, incident)
      if (event) await this.#addEvent(db, id, event)
      return incident
    })
  }

  /**
   * Moves to another phase where the phase table allows it; being there already is success.
   * @throws CleanroomError CONFLICT
   */
  async moveTo (id: string, phase: Phase, change: (incident: Incident) => void = () => {}): Promise<Incident> {
    return await inTransaction(this.#pool, async (db) => {
      const incident = await this.#read(db, id, 'FOR UPDATE')
      const from = incident.phase
      if (!canMove(from, phase)) {
        throw new CleanroomError('CONFLICT', `Incident ${id} is ${from}; it can't become ${phase}.`, { extra: { phase: from } })
      }
      change(incident)
      if (from !== phase) {
        const now = new Date()
        incident.timings[from] = (incident.timings[from] ?? 0) + now.getTime() - Date.parse(incident.phaseSince)
        incident.phaseSince = now.toISOString()
        incident.phase = phase
      }
      await this.#write(db, incident)
      if (phase === 'closed') await db.query('DELETE FROM open_targets WHERE incident_id = $1', [id])
      if (from !== phase) await this.#addEvent(db, id, { type: 'incident.phase', data: { from, to: phase } })
      return incident
    })
  }

  /** Events after `afterSeq` (0: from the first), oldest first. */
  async events (id: string, afterSeq: number, limit = 500): Promise<IncidentEvent[]> {
    const { rows } = await this.#pool.query<{ seq: string, incident_id: string, at: Date, type: string, data: Record<string, unknown> }>(
      'SELECT seq, incident_id, at, type, data FROM events WHERE incident_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
      [id, afterSeq, limit])
    return rows.map(({ seq, incident_id: incidentId, at, type, data }) => ({ seq: Number(seq), incidentId, at: at.toISOString(), type, data }))
  }

  async addEvent (id: string, event: NewEvent): Promise<void> {
    await inTransaction(this.#pool, async (db) => {
      // Under the incident's lock, so that numbers are given in the order in which readers see them.
      await db.query('SELECT 1 FROM incidents WHERE id = $1 FOR UPDATE', [id])
      await this.#addEvent(db, id, event)
    })
  }

  async addFindings (id: string, findings: Finding[]): Promise<void> {
    for (const finding of findings) {
      await this.#pool.query(
        `INSERT INTO findings (incident_id, id, finding) VALUES ($1, $2, $3)
         ON CONFLICT (incident_id, id) DO UPDATE SET finding = EXCLUDED.finding`, [id, finding.id, storable(finding)])
    }
  }

  async findings (id: string): Promise<Finding[]> {
    const { rows } = await this.#pool.query<{ finding: Finding }>('SELECT finding FROM findings WHERE incident_id = $1 ORDER BY id', [id])
    return rows.map(({ finding }) => finding)
  }

  /** Puts an analysis run into the document, in the place of the one with its id. */
  async putAnalysis (id: string, run: AnalysisRun): Promise<void> {
    await this.update(id, (incident) => {
      const at = incident.analyses.findIndex((known) => known.id === run.id)
      if (at === -1) incident.analyses.push(run)
      else incident.analyses[at] = run
    }, { type: 'analysis', data: { id: run.id, script: run.script, state: run.state, findings: run.findings } })
  }

  async #read (db: Pool | PoolClient, id: string, lock: '' | 'FOR UPDATE'): Promise<Incident> {
    const { rows } = await db.query<{ document: Incident }>(`SELECT document FROM incidents WHERE id = $1 ${lock}`, [id])
    if (!rows[0]) throw new CleanroomError('NOT_FOUND', `There is no incident ${id}.`)
    return rows[0].document
  }

  async #write (db: PoolClient, incident: Incident): Promise<void> {
    await db.query('UPDATE incidents SET document = $2, phase = $3 WHERE id = $1', [incident.id, storable(incident), incident.phase])
  }

  async #addEvent (db: PoolClient, id: string, { type, data }: NewEvent): Promise<void> {
    await db.query('INSERT INTO events (incident_id, at, type, data) VALUES ($1, now(), $2, $3)', [id, type, storable(data)])
    await db.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, id])
  }

  /**
   * Calls back with the id of every incident that has a new event, until the answer is called. While the
   * connection is lost nothing is heard: a reader must look by itself now and then.
   */
  async onEvent (callback: (incidentId: string) => void): Promise<() => Promise<void>> {
    let stopped = false
    let current: PoolClient | undefined
    const listen = async (): Promise<void> => {
      const db = await this.#pool.connect()
      db.on('notification', ({ channel, payload }) => { if (channel === EVENTS_CHANNEL && payload) callback(payload) })
      db.on('error', (error) => {
        db.release(error)
        current = undefined
        again()
      })
      await db.query(`LISTEN ${EVENTS_CHANNEL}`)
      if (stopped) db.release(true)
      else current = db
    }
    const again = (): void => {
      if (!stopped) setTimeout(() => { if (!stopped) listen().catch(again) }, LISTEN_AGAIN_MS)
    }
    await listen()
    return async () => {
      stopped = true
      // Closing the connection ends the LISTEN.
      current?.release(true)
    }
  }
}
