import assert from 'node:assert/strict'
import { setImmediate as tick } from 'node:timers/promises'
import { OneAtATime, Turns } from './turns.ts'

/** A task that runs until it is let go, and says when it has begun. */
function gate () {
  const gate = { begun: false, open: () => {}, task: async () => {} }
  const opened = new Promise<void>(resolve => { gate.open = resolve })
  gate.task = async () => {
    gate.begun = true
    await opened
  }
  return gate
}

describe('Turns', () => {
  it('let so many tasks run and no more, the others in order of arrival', async () => {
    const turns = new Turns(2)
    const gates = [gate(), gate(), gate(), gate()]
    const runs = gates.map(async ({ task }) => await turns.take(task))
    await tick()
    assert.deepEqual(gates.map(({ begun }) => begun), [true, true, false, false])
    gates[1]!.open()
    await runs[1]
    await tick()
    assert.deepEqual(gates.map(({ begun }) => begun), [true, true, true, false])
    for (const { open } of gates) open()
    await Promise.all(runs)
    assert.equal(gates[3]!.begun, true)
  })

  it('give a failed task\'s place to the next', async () => {
    const turns = new Turns(1)
    await assert.rejects(turns.take(async () => { throw new Error('failed') }), /failed/)
    assert.equal(await turns.take(async () => 'next'), 'next')
  })
})

describe('One at a time', () => {
  it('keeps the tasks of one key apart and lets other keys go on', async () => {
    const perKey = new OneAtATime()
    const [first, second, other] = [gate(), gate(), gate()]
    const runs = [perKey.take('a', first.task), perKey.take('a', second.task), perKey.take('b', other.task)]
    await tick()
    assert.deepEqual([first.begun, second.begun, other.begun], [true, false, true])
    first.open()
    await runs[0]
    await tick()
    assert.equal(second.begun, true)
    second.open()
    other.open()
    await Promise.all(runs)
  })

  it('goes on after a failure', async () => {
    const perKey = new OneAtATime()
    const failing = perKey.take('a', async () => { throw new Error('failed') })
    const next = perKey.take('a', async () => 'next')
    await assert.rejects(failing, /failed/)
    assert.equal(await next, 'next')
  })
})
