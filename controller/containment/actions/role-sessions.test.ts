import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readSessionPolicy, revocationDue, sessionPolicy, suffices, type Revocation } from './role-sessions.ts'

const ROLE = 'AROAEXAMPLE'
const INSTANCE = 'i-0123456789abcdef0'
const revocation: Revocation = { scope: 'instance', revokedBefore: '2026-03-01T10:00:00.000Z', roleId: ROLE, instanceId: INSTANCE }
/** As IAM answers it. */
const encoded = (document: unknown): string => encodeURIComponent(JSON.stringify(document))

describe('the policy that revokes sessions', () => {
  it('denies everything to the instance\'s own older sessions, and nothing to anybody else\'s', () => {
    assert.deepEqual(sessionPolicy(revocation).Statement, [{
      Sid: 'CleanroomRevokeOlderSessions',
      Effect: 'Deny',
      Action: ['*'],
      Resource: ['*'],
      Condition: { DateLessThan: { 'aws:TokenIssueTime': '2026-03-01T10:00:00.000Z' }, StringEquals: { 'aws:userid': `${ROLE}:${INSTANCE}` } }
    }])
  })

  it('denies everybody\'s older sessions in the scope of the role', () => {
    assert.deepEqual(sessionPolicy({ ...revocation, scope: 'role' }).Statement[0]!.Condition, { DateLessThan: { 'aws:TokenIssueTime': revocation.revokedBefore } })
  })

  it('is read back as it was written, URL-encoded', () => {
    fc.assert(fc.property(fc.constantFrom('instance' as const, 'role' as const), fc.date({ min: new Date('2020-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }), (scope, date) => {
      const written = { ...revocation, scope, revokedBefore: date.toISOString() }
      assert.deepEqual(readSessionPolicy(encoded(sessionPolicy(written)), ROLE, INSTANCE), { scope, revokedBefore: written.revokedBefore })
    }))
  })

  it('counts for nothing once somebody changed it', () => {
    const own = sessionPolicy(revocation)
    const statement = own.Statement[0]!
    const changed: unknown[] = [
      { ...own, Statement: [{ ...statement, Effect: 'Allow' }] },
      { ...own, Statement: [{ ...statement, Action: ['s3:*'] }] },
      { ...own, Statement: [{ ...statement, Condition: { ...statement.Condition, Bool: { 'aws:ViaAWSService': 'true' } } }] },
      { ...own, Statement: [{ ...statement, Condition: { ...statement.Condition, StringEquals: { 'aws:userid': `${ROLE}:i-other` } } }] },
      { ...own, Statement: [...own.Statement, statement] },
      { ...own, Statement: [] },
      { ...own, Statement: [{ ...statement, Condition: { DateLessThan: { 'aws:TokenIssueTime': 'yesterday' } } }] },
      'nothing', null, {}
    ]
    for (const document of changed) assert.equal(readSessionPolicy(encoded(document), ROLE, INSTANCE), undefined)
    assert.equal(readSessionPolicy('%', ROLE, INSTANCE), undefined)
    assert.equal(readSessionPolicy(encoded(own), 'AROANEW', INSTANCE), undefined)
  })

  describe('done again', () => {
    const at = (seconds: number): Date => new Date(Date.parse(revocation.revokedBefore) + seconds * 1_000)
    const { revokedBefore } = revocation

    it('stays with its time while the step is retried', () => {
      for (const seconds of [0, 1, 60]) assert.equal(revocationDue({ scope: 'instance', revokedBefore }, 'instance', at(seconds)), undefined)
    })

    it('moves its time on later, as the instance may have had new credentials meanwhile, and is not narrowed', () => {
      assert.deepEqual(revocationDue({ scope: 'instance', revokedBefore }, 'instance', at(61)), { scope: 'instance', revokedBefore: at(61).toISOString() })
      assert.deepEqual(revocationDue({ scope: 'role', revokedBefore }, 'instance', at(3_600)), { scope: 'role', revokedBefore: at(3_600).toISOString() })
    })

    it('is written at once where there is none, or a narrower one, and never moves its time back', () => {
      assert.deepEqual(revocationDue({ scope: null, revokedBefore: null }, 'instance', at(0)), { scope: 'instance', revokedBefore })
      assert.deepEqual(revocationDue({ scope: 'instance', revokedBefore }, 'role', at(5)), { scope: 'role', revokedBefore: at(5).toISOString() })
      assert.deepEqual(revocationDue({ scope: 'instance', revokedBefore }, 'role', at(-5)), { scope: 'role', revokedBefore })
      assert.equal(revocationDue({ scope: 'role', revokedBefore }, 'role', at(-3_600)), undefined)
    })
  })

  it('is widened from the instance to the role, never narrowed', () => {
    assert.deepEqual([
      suffices(null, 'instance'), suffices('instance', 'instance'), suffices('role', 'instance'), suffices('instance', 'role'), suffices('role', 'role')
    ], [false, true, true, false, true])
  })
})
