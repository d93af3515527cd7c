import assert from 'node:assert/strict'
import { awsError } from './fake-clients.ts'
import { readSections, section, unreadable, within } from './sections.ts'

describe('a section of a description', () => {
  it('holds what was read, also when that is nothing', async () => {
    assert.deepEqual(await section('reading', async () => ['a']), { data: ['a'] })
    assert.deepEqual(await section('reading', async () => undefined), { data: null })
  })

  it('holds the error of a read that failed, and the others what they read', async () => {
    const sections = await readSections({
      vpc: async () => 'vpc-1',
      image: async () => { throw awsError('UnauthorizedOperation', 'no') }
    })
    assert.deepEqual(sections.vpc, { data: 'vpc-1' })
    assert.deepEqual(unreadable(sections), [{ what: 'image', code: 'AWS_ACCESS_DENIED', message: 'reading image: UnauthorizedOperation: no' }])
  })
})

describe('a read with a limit', () => {
  it('gives its value, and leaves no timer behind', async () => {
    assert.equal(await within(60_000, 'reading', async () => 7), 7)
  })

  it('fails in the words of what was read once its time is up, and ends its calls', async () => {
    let signal: AbortSignal | undefined
    await assert.rejects(within(10, 'reading the moon', async ({ abortSignal }) => {
      signal = abortSignal
      return await new Promise(() => {})
    }), { code: 'TIMED_OUT', message: 'reading the moon: not answered within 0.01 s' })
    assert.ok(signal!.aborted)
  })

  it('fails as the read fails before that', async () => {
    await assert.rejects(within(60_000, 'reading', async () => { throw awsError('Throttling') }), { name: 'Throttling' })
  })
})
