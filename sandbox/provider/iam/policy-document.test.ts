import { deepEqual, equal, rejects } from 'node:assert/strict'
import type { AwsCall } from '../engine/aws-call.ts'
import type { Properties } from '../engine/schema.ts'
import { getPolicyDocument } from './policy-document.ts'

async function json (inputs: Properties): Promise<unknown> {
  // The function touches no service.
  return JSON.parse(String((await getPolicyDocument.invoke({} as AwsCall, inputs)).json))
}

describe('getPolicyDocument', () => {
  it('writes one value as text and several as a list, allows by default', async () => {
    deepEqual(await json({ statements: [{ sid: 'Read', actions: ['s3:GetObject'], resources: ['arn:a', 'arn:b'] }] }), {
      Version: '2012-10-17',
      Statement: [{ Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', Resource: ['arn:b', 'arn:a'] }]
    })
  })

  it('groups principals by type and knows everybody', async () => {
    deepEqual(await json({
      statements: [
        { effect: 'Deny', actions: ['*'], principals: [{ type: '*', identifiers: ['*'] }] },
        { actions: ['sts:AssumeRole'], principals: [{ type: 'Service', identifiers: ['ec2.amazonaws.com'] }, { type: 'AWS', identifiers: ['1', '2'] }] }
      ]
    }), {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Deny', Action: '*', Principal: '*' },
        { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'ec2.amazonaws.com', AWS: ['2', '1'] } }
      ]
    })
  })

  it('joins conditions on one variable and turns &{} into IAM\'s variables', async () => {
    deepEqual(await json({
      statements: [{
        notActions: ['iam:*'],
        notResources: ['arn:&{aws:username}'],
        conditions: [
          { test: 'StringLike', variable: 's3:prefix', values: ['a/'] },
          { test: 'StringLike', variable: 's3:prefix', values: ['&{aws:username}/'] },
          { test: 'Bool', variable: 'aws:SecureTransport', values: ['false'] }
        ]
      }]
    }), {
      Version: '2012-10-17',
      Statement: [{
        Effect: 'Allow',
        NotAction: 'iam:*',
        // eslint-disable-next-line no-template-curly-in-string
        NotResource: 'arn:${aws:username}',
        // eslint-disable-next-line no-template-curly-in-string
        Condition: { StringLike: { 's3:prefix': ['a/', '${aws:username}/'] }, Bool: { 'aws:SecureTransport': 'false' } }
      }]
    })
  })

  it('adds to its sources, and overrides win by Sid', async () => {
    const source = (sid: string, action: string) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: sid, Effect: 'Allow', Action: action, Resource: '*' }] })
    const document = await json({
      sourcePolicyDocuments: [source('a', 's3:Get')],
      statements: [{ sid: 'b', actions: ['s3:Put'], resources: ['*'] }],
      overridePolicyDocuments: [source('a', 's3:List')]
    }) as { Statement: { Sid: string, Action: string }[] }
    deepEqual(document.Statement.map(({ Sid, Action }) => [Sid, Action]), [['a', 's3:List'], ['b', 's3:Put']])
  })

  it('refuses two statements of one Sid', async () => {
    await rejects(json({ statements: [{ sid: 'a', actions: ['x'] }, { sid: 'a', actions: ['y'] }] }), /duplicate Sid \(a\)/)
  })

  it('also gives the document in one line', async () => {
    const { minifiedJson } = await getPolicyDocument.invoke({} as AwsCall, { statements: [{ actions: ['x'], resources: ['*'] }] })
    equal(minifiedJson, '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"x","Resource":"*"}]}')
  })
})
