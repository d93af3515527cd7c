import assert from 'node:assert/strict'
import { codeOf } from '../incident/errors.ts'
import { headOf, verifyChain } from './custody-ledger.ts'
import { CustodyStore } from './custody-store.ts'
import { startTestDatabase, type TestDatabase } from './database-for-tests.ts'

describe('the chain of custody in the database', function () {
  this.timeout(60_000)
  let database: TestDatabase
  let store: CustodyStore
  let incidentId: string

  before(async () => {
    database = await startTestDatabase()
    store = new CustodyStore(database.pool)
  })
  after(async () => { await database?.stop() })
  beforeEach(async () => { incidentId = await database.incident() })

  const note = (key: string, detail: Record<string, unknown> = {}) => ({ key, actor: 'cleanroom:contain', action: 'contain.intent', detail })

  it('gives back what was written, linked and in order', async () => {
    const first = await store.append(incidentId, { ...note('a', { before: { groups: ['sg-1'] } }), artifactId: 'metadata', sha256: 'a'.repeat(64) })
    const second = await store.append(incidentId, note('b'))
    assert.deepEqual(await store.list(incidentId), [first, second])
    assert.deepEqual([first.seq, second.seq, second.prevHash], [1, 2, first.hash])
    assert.deepEqual([first.artifactId, first.sha256, first.detail], ['metadata', 'a'.repeat(64), { before: { groups: ['sg-1'] } }])
    assert.deepEqual(verifyChain(incidentId, await store.list(incidentId)), [])
  })

  it('keeps the first entry of a key, whatever comes under it later', async () => {
    const first = await store.append(incidentId, note('a', { attempt: 1 }))
    assert.deepEqual(await store.append(incidentId, note('a', { attempt: 2 })), first)
    assert.deepEqual(await store.list(incidentId), [first])
  })

  it('has one end, also when many write at once', async () => {
    await Promise.all(Array.from({ length: 40 }, async (_, index) => await store.append(incidentId, note(`key-${index % 30}`))))
    const entries = await store.list(incidentId)
    assert.equal(entries.length, 30)
    assert.deepEqual(verifyChain(incidentId, entries, headOf(entries)), [])
  })

  it('holds one incident\'s entries apart from another\'s', async () => {
    const other = await database.incident()
    await Promise.all([store.append(incidentId, note('a')), store.append(other, note('a'))])
    assert.equal((await store.list(incidentId)).length, 1)
    assert.notEqual((await store.list(incidentId))[0]!.prevHash, (await store.list(other))[0]!.prevHash)
  })

  it('takes whatever a suspect machine put into its names', async () => {
    await store.append(incidentId, note('a', {
      'na\0me': 'a\0b\ud800c', text: '\u2028</script>"\\', deep: [{ __proto__: null, list: [1e21, -0, 1.5, null, true] }], gone: undefined, at: new Date(0)
    }))
    const entries = await store.list(incidentId)
    assert.deepEqual(verifyChain(incidentId, entries), [])
    assert.deepEqual(entries[0]!.detail, {
      'na\ufffdme': 'a\ufffdb\ufffdc', text: '\u2028</script>"\\', deep: [{ list: [1e21, 0, 1.5, null, true] }], at: '1970-01-01T00:00:00.000Z'
    })
  })

  it('shows what was changed in the database behind its back', async () => {
    for (const key of ['a', 'b', 'c']) await store.append(incidentId, note(key, { key }))
    await database.pool.query('UPDATE custody SET entry = jsonb_set(entry, \'{actor}\', \'"somebody"\') WHERE incident_id = $1 AND seq = 2', [incidentId])
    assert.deepEqual(verifyChain(incidentId, await store.list(incidentId)).map(({ index }) => index), [1])
  })

  it('can be read in parts', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await store.append(incidentId, note(key))
    assert.deepEqual((await store.list(incidentId, { after: 1, limit: 2 })).map(({ seq }) => seq), [2, 3])
  })

  it('is of incidents that exist', async () => {
    await assert.rejects(store.append('nothing', note('a')), (error) => codeOf(error) === 'NOT_FOUND')
  })
})
