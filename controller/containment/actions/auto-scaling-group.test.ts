import assert from 'node:assert/strict'
import fc from 'fast-check'
import { accountOf, differences, planReturn, standingOf, stateOf, type Account, type Group, type Return, type ReturnQuestion, type Standing, type WayOut } from './auto-scaling-group.ts'

const SUSPECT = 'i-suspect'
const BEFORE: Account = { desiredCapacity: 3, members: ['i-a', 'i-b', SUSPECT] }

const member = (instanceId: string, standing: Standing = 'in-service'): Group['members'][number] => ({ instanceId, standing })
const group = (members: Array<string | Group['members'][number]>, more: Partial<Group> = {}): Group => ({
  name: 'web',
  desiredCapacity: 3,
  minSize: 1,
  maxSize: 5,
  members: members.map((each) => typeof each === 'string' ? member(each) : each),
  suspendedProcesses: [],
  ...more
})
const plan = (now: Group, more: Partial<ReturnQuestion> = {}): Return =>
  planReturn({ instanceId: SUSPECT, how: 'replace', before: BEFORE, group: now, contained: [], keepReplacement: false, ...more })

/** What AWS does with it: the group after the return. */
function carriedOut (now: Group, { replacements }: { replacements: string[] }): Account {
  const isBack = now.members.some(({ instanceId, standing }) => instanceId === SUSPECT && standing !== 'standby')
  const members = [...new Set([...now.members.map(({ instanceId }) => instanceId), SUSPECT])].filter((id) => !replacements.includes(id)).sort()
  return { desiredCapacity: now.desiredCapacity + (isBack ? 0 : 1) - replacements.length, members }
}

describe('the return into an Auto Scaling group', () => {
  it('detaches the replacement, so that capacity and members are as before', () => {
    const now = group(['i-a', 'i-b', 'i-new'])
    const way = plan(now)
    assert.deepEqual(way, { can: 'return', replacements: ['i-new'], makeRoom: false })
    assert.deepEqual(carriedOut(now, way as never), BEFORE)
  })

  it('only attaches after the group shrank', () => {
    const now = group(['i-a', 'i-b'], { desiredCapacity: 2 })
    const way = plan(now, { how: 'shrink' })
    assert.deepEqual(way, { can: 'return', replacements: [], makeRoom: false })
    assert.deepEqual(carriedOut(now, way as never), BEFORE)
  })

  it('leaves standby in the same way', () => {
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-new', member(SUSPECT, 'standby')]), { how: 'standby' }), { can: 'return', replacements: ['i-new'], makeRoom: false })
  })

  it('makes room first in a group that is full', () => {
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-new'], { maxSize: 3 })), { can: 'return', replacements: ['i-new'], makeRoom: true })
  })

  it('goes on where it was: attached but the replacement still there, or room made but not attached', () => {
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-new', SUSPECT], { desiredCapacity: 4 })), { can: 'return', replacements: ['i-new'], makeRoom: false })
    assert.deepEqual(plan(group(['i-a', 'i-b'], { desiredCapacity: 2, maxSize: 3 })), { can: 'return', replacements: [], makeRoom: false })
    assert.deepEqual(plan(group(['i-a', 'i-b', SUSPECT])), { can: 'return', replacements: [], makeRoom: false })
  })

  it('keeps the replacement when asked to', () => {
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-new']), { keepReplacement: true }), { can: 'return', replacements: [], makeRoom: false })
  })

  it('detaches nobody of a group that somebody changed since', () => {
    const changed = [
      group(['i-a', 'i-b', 'i-new', 'i-more'], { desiredCapacity: 4 }), // scaled out
      group(['i-a', 'i-new'], { desiredCapacity: 2 }), // scaled in
      group(['i-a', 'i-new', 'i-other']), // a member was replaced
      group(['i-new', 'i-other', 'i-third']), // all were
      group(['i-a', 'i-b', member('i-new', 'standby')]) // somebody works on it
    ]
    for (const now of changed) assert.deepEqual(plan(now), { can: 'return', replacements: [], makeRoom: false })
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-more']), { how: 'shrink' }), { can: 'return', replacements: [], makeRoom: false })
  })

  it('tells replacements of other contained members from those of somebody else', () => {
    const now = group(['i-a', 'i-new', 'i-other'])
    assert.deepEqual(plan(now, { contained: ['i-b'] }), { can: 'return', replacements: ['i-new'], makeRoom: false })
  })

  it('waits for a replacement that is starting', () => {
    assert.equal(plan(group(['i-a', 'i-b', member('i-new', 'changing')])).can, 'wait')
    assert.equal(plan(group(['i-a', 'i-b'])).can, 'wait')
  })

  it('does not wait for one that nobody starts', () => {
    assert.deepEqual(plan(group(['i-a', 'i-b'], { suspendedProcesses: ['Launch'] })), { can: 'return', replacements: [], makeRoom: false })
  })

  it('says what to do about a group that has no room', () => {
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-new'], { maxSize: 3 }), { keepReplacement: true }), {
      can: 'not-return', whatToDo: 'web is full (desired capacity and maximum 3). Raise its maximum or detach a member, then attach i-suspect.'
    })
    assert.deepEqual(plan(group(['i-a', 'i-b', 'i-new'], { minSize: 3, maxSize: 3 })), {
      can: 'not-return', whatToDo: 'web can neither grow nor shrink (minimum and maximum 3). Raise its maximum by one, attach i-suspect, then detach i-new with decrement.'
    })
  })

  it('never detaches who was there before, more than one, or below the minimum; never goes beyond the maximum', () => {
    const id = fc.constantFrom('i-a', 'i-b', 'i-c', 'i-d', 'i-e', SUSPECT)
    const standing = fc.constantFrom<Standing>('in-service', 'standby', 'changing')
    const members = fc.uniqueArray(fc.record({ instanceId: id, standing }), { selector: ({ instanceId }) => instanceId })
    const sizes = fc.record({ minSize: fc.nat(3), desired: fc.nat(4), room: fc.nat(3) })
    const before = fc.record({ desiredCapacity: fc.nat(5), members: fc.uniqueArray(id) })
    fc.assert(fc.property(members, sizes, before, fc.constantFrom<WayOut>('replace', 'shrink', 'standby'), fc.boolean(), (members, { minSize, desired, room }, before, how, keepReplacement) => {
      const now = group(members, { minSize, desiredCapacity: minSize + desired, maxSize: minSize + desired + room })
      const way = plan(now, { before, how, keepReplacement })
      if (way.can !== 'return') return
      const isBack = members.some(({ instanceId, standing }) => instanceId === SUSPECT && standing !== 'standby')
      assert.ok(way.replacements.length <= 1)
      assert.ok(way.replacements.every((each) => each !== SUSPECT && before.members.every((member) => member !== each)))
      if (way.makeRoom) assert.ok(now.desiredCapacity - way.replacements.length >= now.minSize && way.replacements.length === 1)
      else assert.ok(now.desiredCapacity + (isBack ? 0 : 1) <= now.maxSize || isBack)
      // Taken back as far as to before, never below.
      if (way.replacements.length > 0) assert.equal(carriedOut(now, way).desiredCapacity, before.desiredCapacity)
    }))
  })

  it('is the inverse of leaving, whatever the group was', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.constantFrom('i-a', 'i-b', 'i-c', 'i-d')), fc.constantFrom<'replace' | 'shrink'>('replace', 'shrink'), fc.nat(2), (others, how, room) => {
      const before: Account = { desiredCapacity: others.length + 1, members: [...others, SUSPECT].sort() }
      const now = how === 'replace'
        ? group([...others, 'i-new'], { minSize: 0, desiredCapacity: before.desiredCapacity, maxSize: before.desiredCapacity + room })
        : group(others, { minSize: 0, desiredCapacity: others.length, maxSize: before.desiredCapacity + room })
      const way = plan(now, { before, how })
      assert.equal(way.can, 'return')
      assert.deepEqual(carriedOut(now, way as never), before)
    }))
  })
})

describe('the state of a membership', () => {
  const own = { group: 'web', lifecycleState: 'InService', standing: 'in-service' as const, protectedFromScaleIn: false, healthy: true }
  const now = group(['i-b', SUSPECT, 'i-a'], { suspendedProcesses: ['AZRebalance'] })

  it('has the group\'s account while the instance is in service, and nothing of it after', () => {
    assert.deepEqual(stateOf('replace', own, now), { member: true, group: 'web', standby: false, protectedFromScaleIn: false, desiredCapacity: 3, members: ['i-a', 'i-b', SUSPECT] })
    assert.deepEqual(stateOf('standby', { ...own, standing: 'entering-standby' }, now), { member: true, group: 'web', standby: true, protectedFromScaleIn: false })
    assert.deepEqual(stateOf('replace', { ...own, standing: 'out' }, now), { member: false })
    assert.deepEqual(stateOf('replace', undefined, now), { member: false })
    assert.deepEqual(stateOf('replace', { ...own, group: 'other' }, now), { member: false })
    assert.deepEqual(stateOf('replace', undefined, undefined), { member: false, groupDeleted: true })
  })

  it('has the suspended processes where those are what is changed', () => {
    assert.deepEqual(stateOf('suspend', own, now), { member: true, group: 'web', protectedFromScaleIn: false, suspendedProcesses: ['AZRebalance'] })
    assert.deepEqual(stateOf('suspend', undefined, now), { member: false, group: 'web', protectedFromScaleIn: null, suspendedProcesses: ['AZRebalance'] })
  })

  it('knows every state of the lifecycle, and takes an unknown one for one that passes', () => {
    const known: Array<[string | undefined, Standing]> = [
      [undefined, 'out'], ['InService', 'in-service'], ['Standby', 'standby'], ['EnteringStandby', 'entering-standby'], ['Detaching', 'out'], ['Detached', 'out'],
      ['Pending', 'changing'], ['Pending:Wait', 'changing'], ['Pending:Proceed', 'changing'], ['Quarantined', 'changing'], ['ReplacingRootVolume:Wait', 'changing'],
      ['Terminating', 'ending'], ['Terminating:Wait', 'ending'], ['Terminating:Retained', 'ending'], ['Terminated', 'ending'],
      ['Warmed:Stopped', 'warm'], ['Warmed:Pending:Wait', 'warm'], ['Warmed:Terminating:Wait', 'ending'], ['SomethingNew', 'changing']
    ]
    for (const [state, standing] of known) assert.equal(standingOf(state), standing, state)
  })

  it('tells in words what is otherwise than before', () => {
    assert.equal(differences(BEFORE, BEFORE), undefined)
    assert.equal(differences(BEFORE, accountOf(group(['i-a', SUSPECT, 'i-new'], { desiredCapacity: 4 }))), 'its desired capacity is 4 and was 3; i-new came; i-b left')
  })
})
