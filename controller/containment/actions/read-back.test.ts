import assert from 'node:assert/strict'
import { changeAndReadBack } from './read-back.ts'

const timeOut = Object.assign(new Error('no answer'), { name: 'TimeoutError' })
const refused = Object.assign(new Error('no'), { name: 'UnauthorizedOperation', $metadata: { httpStatusCode: 403 } })
const failing = (error: Error) => async (): Promise<never> => { throw error }

describe('a change and its state read back', () => {
  it('answers what stands after it', async () => {
    let stands = 'before'
    assert.equal(await changeAndReadBack(async () => { stands = 'after' }, async () => stands, () => assert.fail('nobody asks')), 'after')
  })

  it('is made when what is wanted stands though AWS never answered', async () => {
    assert.equal(await changeAndReadBack(failing(timeOut), async () => 'after', (state) => state === 'after'), 'after')
  })

  it('is not made when something else stands, or nothing can be read', async () => {
    await assert.rejects(changeAndReadBack(failing(timeOut), async () => 'before', (state) => state === 'after'), timeOut)
    await assert.rejects(changeAndReadBack(failing(timeOut), failing(new Error('unreadable')), () => true), timeOut)
  })

  it('is not looked for when AWS refused it', async () => {
    await assert.rejects(changeAndReadBack(failing(refused), async () => assert.fail('nobody reads'), () => true), refused)
  })
})
