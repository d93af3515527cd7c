import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { DEFAULT_CONTAINMENT_POLICY } from '../containment/plan.ts'
import type { Incident } from '../incident/incident.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts'
import { IncidentStore } from './incident-store.ts'
import { migrate } from './migrate.ts'
import { createPool } from './pool.ts'

function incident (id: string, ...instanceIds: string[]): Incident {
  const openedAt = new Date().toISOString()
  return {
    id,
    phase: 'received',
    phaseSince: openedAt,
    severity: 'high',
    reason: 'test',
    ticket: id,
    openedBy: 'someone',
    openedAt,
    targets: instanceIds.map((instanceId) => ({
      instanceId,
      accountId: '123456789012',
      region: 'eu-central-1',
      containment: { state: 'pending' as const, actions: [], residualRisks: [] },
      acquisition: { snapshots: [], memory: { state: 'not-requested' as const } }
    })),
    cleanRoom: { state: 'absent', stack: `clean-room-${id}`, region: 'eu-central-1', volumes: [] },
    analyses: [],
    timings: {},
    plan: { containment: DEFAULT_CONTAINMENT_POLICY, analyses: [] },
    findingsSummary: { total: 0, bySeverity: {} }
  }
}

describe('the store of incidents', function () {
  this.timeout(60_000)
  let directory: string
  let postgres: EmbeddedPostgres
  let pool: pg.Pool
  let store: IncidentStore

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-store-'))
    await chmod(directory, 0o711)
    postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), logFile: join(directory, 'postgres.log') })
    pool = createPool(postgres.url, () => {})
    await migrate(pool)
    store = new IncidentStore(pool)
  })

  after(async () => {
    await pool.end()
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  })

  beforeEach(async () => { await pool.query('TRUNCATE incidents CASCADE') })

  it('gives two simultaneous requests for one instance the same incident', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, (_, n) => store.open(incident(`a${n}`, 'i-1'), { requestHash: String(n) })))
    assert.equal(opened.filter(({ created }) => created).length, 1)
    assert.equal(new Set(opened.map(({ incident: { id } }) => id)).size, 1)
  })

  it('lets an instance go when its incident is closed, so that a new one can be opened', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    await store.moveTo('a1', 'closing')
    await store.moveTo('a1', 'closed')
    const { created } = await store.open(incident('a2', 'i-1'), { requestHash: '2' })
    assert.ok(created)
  })

  it('refuses a request of which only some instances are in an open incident, and stores nothing of it', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    await assert.rejects(store.open(incident('a2', 'i-1', 'i-2'), { requestHash: '2' }), { code: 'CONFLICT' })
    await assert.rejects(store.get('a2'), { code: 'NOT_FOUND' })
    assert.ok((await store.open(incident('a3', 'i-2'), { requestHash: '3' })).created)
  })

  it('answers a repeated idempotency key with the first incident, also when that is closed', async () => {
    await store.open(incident('a1', 'i-1'), { key: 'k', requestHash: 'same' })
    await store.moveTo('a1', 'closing')
    await store.moveTo('a1', 'closed')
    const { incident: again, created } = await store.open(incident('a2', 'i-1'), { key: 'k', requestHash: 'same' })
    assert.deepEqual([again.id, created], ['a1', false])
    await assert.rejects(store.open(incident('a3', 'i-3'), { key: 'k', requestHash: 'other' }), { code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  it('refuses a move that the phase table does not know, and changes nothing then', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    await assert.rejects(store.moveTo('a1', 'in-review', (changed) => { changed.reason = 'changed' }), { code: 'CONFLICT' })
    const { phase, reason } = await store.get('a1')
    assert.deepEqual([phase, reason], ['received', 'test'])
  })

  it('loses no change of two that are made at once', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.update('a1', ({ timings }) => { timings[`t${n}`] = n })))
    assert.equal(Object.keys((await store.get('a1')).timings).length, 20)
  })

  it('records a change and its event together, or neither', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    await assert.rejects(store.update('a1', () => { throw new Error('no') }, { type: 'x', data: {} }))
    assert.deepEqual((await store.events('a1', 0)).map(({ type }) => type), ['incident.opened'])
    await store.update('a1', () => {}, { type: 'y', data: { n: 1 } })
    const events = await store.events('a1', 0)
    assert.deepEqual(events.map(({ type }) => type), ['incident.opened', 'y'])
    assert.deepEqual(await store.events('a1', events[0]!.seq), [events[1]])
  })

  it('pages through incidents, newest first, without a gap or a repetition', async () => {
    for (let n = 0; n < 7; n++) await store.open(incident(`a${n}`, `i-${n}`), { requestHash: String(n) })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.list({ limit: 3, ...cursor !== undefined && { cursor } })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    } while (cursor)
    assert.deepEqual(seen, ['a6', 'a5', 'a4', 'a3', 'a2', 'a1', 'a0'])
    assert.deepEqual((await store.list({ phase: 'closed', limit: 3 })).items, [])
  })

  it('takes what PostgreSQL would refuse: a suspect machine\'s words may hold anything', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    await store.update('a1', (changed) => { changed.reason = 'a\0b\ud800c' }, { type: 'x', data: { words: '\0' } })
    assert.equal((await store.get('a1')).reason, 'a\ufffdb\ufffdc')
  })

  it('goes on listening after its connection was lost', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    let told: (incidentId: string) => void = () => {}
    const heard = new Promise<string>((resolve) => { told = resolve })
    const stop = await store.onEvent((incidentId) => { told(incidentId) })
    try {
      await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()")
      const again = setInterval(() => { store.addEvent('a1', { type: 'z', data: {} }).catch(() => {}) }, 200)
      assert.equal(await heard.finally(() => { clearInterval(again) }), 'a1')
    } finally {
      await stop()
    }
  })

  it('tells a listener of every new event', async () => {
    await store.open(incident('a1', 'i-1'), { requestHash: '1' })
    let stop: (() => Promise<void>) | undefined
    try {
      let told: (incidentId: string) => void = () => {}
      const heard = new Promise<string>((resolve) => { told = resolve })
      stop = await store.onEvent((incidentId) => { told(incidentId) })
      await store.addEvent('a1', { type: 'z', data: {} })
      assert.equal(await heard, 'a1')
    } finally {
      await stop?.()
    }
  })
})
