/**
 * Every containment action broken in every way: no cell leaves the host more reachable than it was before the
 * incident, and each ends as docs/failure-modes.md says.
 *
 * A column is one controller and one AWS with a suspected instance for each row, each with the one call broken that
 * decides its row's action. How reachable it is is read from AWS, not from the controller's record.
 */
import assert from 'node:assert/strict'
import { verifyChain } from '../../controller/evidence/custody-ledger.ts'
import { KINDS } from '../../controller/containment/plan.ts'
import type { ContainmentAction } from '../../controller/incident/incident.ts'
import { LATE, MISHAPS, ROWS, type Row } from './cells.ts'
import { openWorkshop, type Outcome, type Result, type Workshop } from './containment-run.ts'
import { COLUMNS, documentedOutcomes, type Column, type DocumentedOutcome } from './documented-outcomes.ts'
import { moreThan, type Passage, type Reachability } from './reachability.ts'
import { wideningMistakes } from './widening.ts'

const DONE = ['done', 'unchanged']
/** Waits for the end of a live capture in mode `ssm`. */
const AFTER_CAPTURE = ['isolate-subnet', 'block-dns', 'remove-instance-profile', 'revoke-role-sessions', 'restrict-metadata', 'close-ssm-path']
/** What fails with the row's action: what needs it, or needs the very call that is broken. */
const FAILS_WITH: Partial<Record<string, string[]>> = {
  'prepare-isolation-group': ['isolate-interface'],
  'close-ssm-path': ['prepare-isolation-group']
}

const TITLE: Record<Column, string> = {
  refused: 'refused by AWS for good',
  throttled: 'throttled for a while',
  'time-out': 'carried out and never answered in time',
  'server error': 'failing inside AWS for good',
  'killed before': 'cut short by a kill before it took effect',
  'killed after': 'cut short by a kill after it took effect'
}

describe('containment', function () {
  this.timeout(6 * 60_000)
  const documented = documentedOutcomes()
  let workshop: Workshop

  before(async () => { workshop = await openWorkshop() })
  after(async () => { await workshop?.stop() })

  it('is documented for every action and every way to break it, and for nothing else', () => {
    assert.deepEqual([...documented.keys()].sort(), ROWS.map(({ name }) => name).sort())
  })

  for (const column of COLUMNS) {
    describe(`with one call ${TITLE[column]}`, () => {
      let outcome: Outcome

      before(async () => { outcome = await workshop.run(MISHAPS[column], ROWS) })

      for (const row of ROWS) {
        const expected = documented.get(row.name)?.[column]
        it(`${row.name}: ${expected ? `${expected.containment} (${expected.action})` : 'undocumented'}, everything else done`, () => {
          const result = outcome.results.get(row.name)!
          assertNoWider(result, outcome)
          assertEnds(row, result, expected)
        })
      }
    })
  }

  describe('with one call given up and carried out later all the same', () => {
    const rows = ROWS.filter(({ kind }) => KINDS[kind].stage === 'isolate')
    let outcome: Outcome

    before(async () => { outcome = await workshop.run(LATE, rows) })

    for (const row of rows) {
      it(`${row.name}: contained (done), everything else done`, () => {
        const result = outcome.results.get(row.name)!
        assertNoWider(result, outcome)
        assertEnds(row, result, { containment: 'contained', action: 'done' })
      })
    }
  })
})

function assertNoWider (result: Result, { calls }: Outcome): void {
  assert.ok(result.struck > 0, 'the call was never made')
  assert.deepEqual(result.more, [], 'the host is more reachable than before the incident')
  assert.deepEqual(result.moreAtDeath.filter((way) => !isInMidSwap(result, way)), [], 'the host was more reachable while the controller was dead')
  assert.deepEqual(wideningMistakes(calls, result), [])
}

function assertEnds (row: Row, result: Result, expected: DocumentedOutcome | undefined): void {
  const { containment, ledger, incidentId } = result
  const [broken, others] = split(row, result)
  assert.deepEqual({ containment: containment.state, action: broken?.state }, expected, words(result))
  const falls = broken?.state === 'failed' ? FAILS_WITH[row.kind] ?? [] : []
  const waits = row.policy?.mode === 'ssm' && !row.again ? AFTER_CAPTURE : []
  const undone = others.filter(({ action, state }) =>
    !DONE.includes(state) && !(falls.includes(action) && state === 'failed') && !(waits.includes(action) && state === 'planned'))
  assert.deepEqual(undone.map(({ action, resource, state, error }) => ({ action, resource, state, error })), [])
  assert.deepEqual(verifyChain(incidentId, ledger), [])
  assert.deepEqual(repeatedIntents(result), [])
}

/**
 * Killed between the two calls of the swap: the one moment at which a dead controller leaves an interface open,
 * until the next one starts. That it was noted before and is isolated next is checked as for every swap.
 */
function isInMidSwap ({ ledger }: Result, way: string): boolean {
  return ledger.some(({ action, detail }) => action === 'containment.widening' && way.startsWith(`${String(detail.resource)} `))
}

/** The action that the row broke, and all others of its instance that no row broke. */
function split (row: Row, { suspect, together, containment: { actions } }: Result): [ContainmentAction | undefined, ContainmentAction[]] {
  const brokenBy = ({ kind, resource }: Row): ContainmentAction | undefined => actions.find((each) => each.action === kind && (!resource || each.resource === resource(suspect)))
  const broken = together.map(brokenBy)
  return [brokenBy(row), actions.filter((each) => !broken.includes(each))]
}

function words ({ containment: { actions, proof, unread } }: Result): string {
  const failed = actions.filter(({ state }) => !DONE.includes(state)).map(({ action, resource, state, error }) => `${action} ${resource}: ${state} ${error?.message ?? ''}`)
  const checks = proof?.checks.filter(({ ok }) => !ok).map(({ name, expected, observed }) => `${name}: ${observed} instead of ${expected}`) ?? ['no proof']
  return [...failed, ...checks, ...(unread ?? []).map(({ what, message }) => `unread ${what}: ${message}`)].join('\n')
}

/** Each change is announced once in the ledger, however often it is tried. */
function repeatedIntents ({ ledger }: Result): string[] {
  const intents = ledger.filter(({ action }) => action === 'containment.intent')
    .map(({ detail: { action, resource, parameters } }) => JSON.stringify([action, resource, parameters]))
  return intents.filter((intent, index) => intents.indexOf(intent) !== index)
}

describe('the measure of reachability', () => {
  const passage = (more: Partial<Passage> = {}): Passage => ({ direction: 'in', protocol: 'tcp', from: 80, to: 443, peer: '10.0.0.0/8', ...more })
  const having = (...passages: Passage[]): Reachability => ({ interfaces: { 'eni-1': passages }, ways: ['public address 198.51.100.1'] })

  it('takes what one rule from before lets pass for no more than before', () => {
    const before = having(passage())
    for (const less of [passage(), passage({ from: 100, to: 100 }), passage({ peer: '10.1.2.0/24' })]) assert.deepEqual(moreThan(before, having(less)), [])
    assert.deepEqual(moreThan(having(passage({ protocol: '-1', from: -1, to: -1, peer: '::/0' })), having(passage({ peer: '2001:db8::/32' }))), [])
    assert.deepEqual(moreThan(before, { interfaces: {}, ways: [] }), [])
  })

  it('sees another direction, protocol, port, peer, interface or way in', () => {
    const before = having(passage())
    const wider = [passage({ direction: 'out' }), passage({ protocol: 'udp' }), passage({ protocol: '-1', from: -1, to: -1 }), passage({ to: 444 }), passage({ from: 22 }), passage({ peer: '10.0.0.0/7' }), passage({ peer: '::/0' }), passage({ peer: 'sg-1' })]
    for (const more of wider) assert.equal(moreThan(before, having(passage(), more)).length, 1, JSON.stringify(more))
    assert.equal(moreThan(before, { interfaces: { 'eni-2': [passage()] }, ways: ['public address 198.51.100.2'] }).length, 2)
  })
})
