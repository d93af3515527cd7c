import assert from 'node:assert/strict'
import { principalsOf } from './trust-policy.ts'

const trust = (...Statement: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement })
const letIn = (Principal: unknown) => ({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' })

describe('a trust policy', () => {
  it('lets in nobody else when it names EC2 alone, in any partition', () => {
    assert.deepEqual(principalsOf(trust(letIn({ Service: 'ec2.amazonaws.com' }))), [])
    assert.deepEqual(principalsOf(trust(letIn({ Service: ['ec2.amazonaws.com.cn'] }))), [])
  })

  it('names every other principal once, whatever its kind', () => {
    const document = trust(
      letIn({ Service: ['ec2.amazonaws.com', 'lambda.amazonaws.com'], AWS: 'arn:aws:iam::123456789012:root' }),
      letIn({ AWS: ['arn:aws:iam::123456789012:root', 'AROAEXAMPLE'], Federated: 'cognito-identity.amazonaws.com' })
    )
    assert.deepEqual(principalsOf(document), ['AROAEXAMPLE', 'arn:aws:iam::123456789012:root', 'cognito-identity.amazonaws.com', 'lambda.amazonaws.com'])
  })

  it('counts anybody as somebody else', () => {
    assert.deepEqual(principalsOf(trust(letIn('*'))), ['*'])
    assert.deepEqual(principalsOf(trust({ Effect: 'Allow', NotPrincipal: { AWS: 'arn:aws:iam::123456789012:root' }, Action: 'sts:AssumeRole' })),
      ['anybody but arn:aws:iam::123456789012:root'])
  })

  it('does not count whom it denies', () => {
    assert.deepEqual(principalsOf(trust({ Effect: 'Deny', Principal: { AWS: 'arn:aws:iam::123456789012:root' }, Action: '*' })), [])
  })

  it('is read as IAM encodes it, and with a single statement that stands in no list', () => {
    const single = JSON.stringify({ Statement: letIn({ Service: 'lambda.amazonaws.com' }) })
    assert.deepEqual(principalsOf(encodeURIComponent(single)), ['lambda.amazonaws.com'])
  })
})
