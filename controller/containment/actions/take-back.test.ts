import assert from 'node:assert/strict'
import fc from 'fast-check'
import { leftAlone, takeBack, undone } from './take-back.ts'

const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 2 }))

describe('taking a change back', () => {
  it('restores what stands as it was left, and forgets what was not there before', () => {
    assert.deepEqual(takeBack({ a: 1 }, { a: 2, b: 2 }, { a: 2, b: 2 }), { restore: { a: 1, b: undefined }, foreign: [] })
  })

  it('leaves alone what somebody else changed, and names it', () => {
    assert.deepEqual(takeBack({ a: 1, b: 1 }, { a: 2, b: 2 }, { a: 3 }), { restore: {}, foreign: ['a', 'b'] })
    assert.equal(leftAlone(['a', 'b']), 'Changed by somebody since and left alone: a, b.')
  })

  it('has nothing to do when all is as before', () => {
    fc.assert(fc.property(fields, fields, (before, after) => {
      assert.deepEqual(takeBack(before, after, before), { restore: {}, foreign: [] })
    }))
  })

  it('brings all of the state before back when nobody else was there', () => {
    fc.assert(fc.property(fields, fields, (before, after) => {
      const { restore, foreign } = takeBack(before, after, after)
      const now = Object.fromEntries(Object.entries({ ...after, ...restore }).filter(([, value]) => value !== undefined))
      assert.deepEqual([now, foreign], [{ ...before }, []])
    }))
  })

  it('touches no field that the action did not change', () => {
    fc.assert(fc.property(fields, fields, fields, (before, after, now) => {
      const { restore } = takeBack(before, after, now)
      for (const field of Object.keys(restore)) assert.notEqual(before[field], after[field])
    }))
  })

  it('is whole only when AWS shows the state before', () => {
    assert.deepEqual(undone({ a: 1 }, { a: 1 }), { now: { a: 1 }, restored: true })
    assert.deepEqual(undone({ a: 1 }, { a: 2 }, undefined, 'One.', 'Two.'), { now: { a: 2 }, restored: false, note: 'One. Two.' })
  })
})
