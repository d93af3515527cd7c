/**
 * A real PostgreSQL with the product's schema, for tests.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { DEFAULT_CONTAINMENT_POLICY } from '../containment/plan.ts'
import { startEmbeddedPostgres } from '../database/embedded-postgres.ts'
import { IncidentStore } from '../database/incident-store.ts'
import { migrate } from '../database/migrate.ts'
import { createPool } from '../database/pool.ts'
import type { Incident } from '../incident/incident.ts'

export interface TestDatabase {
  pool: Pool
  /** Stores a new incident of its own instance; answers its id. */
  incident: () => Promise<string>
  stop: () => Promise<void>
}

export async function startTestDatabase (): Promise<TestDatabase> {
  const state = await mkdtemp(join(tmpdir(), 'cleanroom-evidence-'))
  // The server's own account passes through.
  await chmod(state, 0o711)
  const server = await startEmbeddedPostgres({ dataDir: join(state, 'data'), logFile: join(state, 'postgres.log') })
  const pool = createPool(server.url, (error) => { throw error })
  await migrate(pool)
  const incidents = new IncidentStore(pool)
  let count = 0
  return {
    pool,
    incident: async () => {
      const incident = newIncident(String(++count))
      await incidents.open(incident, { requestHash: incident.id })
      return incident.id
    },
    stop: async () => {
      await pool.end()
      await server.stop()
      await rm(state, { recursive: true, force: true })
    }
  }
}

function newIncident (number: string): Incident {
  const at = new Date().toISOString()
  return {
    id: `incident-${number}`,
    phase: 'received',
    phaseSince: at,
    severity: 'high',
    reason: 'beaconing',
    ticket: 'SEC-7',
    openedBy: 'responder@example.org',
    openedAt: at,
    targets: [{
      instanceId: `i-${number.padStart(8, '0')}`,
      accountId: '123456789012',
      region: 'eu-central-1',
      containment: { state: 'contained', actions: [], residualRisks: [] },
      acquisition: { snapshots: [], memory: { state: 'not-requested' } }
    }],
    cleanRoom: { state: 'absent', stack: `clean-room-incident-${number}`, region: 'eu-central-1', volumes: [] },
    analyses: [],
    timings: {},
    plan: { containment: DEFAULT_CONTAINMENT_POLICY, analyses: [] },
    findingsSummary: { total: 0, bySeverity: {} }
  }
}
