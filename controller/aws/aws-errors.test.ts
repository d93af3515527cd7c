import assert from 'node:assert/strict'
import { CleanroomError } from '../incident/errors.ts'
import { fromAws, isGone, onceKnown } from './aws-errors.ts'

const aws = (name: string, httpStatusCode = 400): Error => Object.assign(new Error('words'), { name, $metadata: { httpStatusCode, requestId: 'r-1' } })

describe('errors of AWS', () => {
  it('mean what they mean in every service\'s words', () => {
    const meanings: Array<[Error, string]> = [
      [aws('UnauthorizedOperation', 403), 'AWS_ACCESS_DENIED'],
      [aws('AccessDenied', 403), 'AWS_ACCESS_DENIED'],
      [aws('AccessDeniedException'), 'AWS_ACCESS_DENIED'],
      [aws('RequestLimitExceeded', 503), 'AWS_THROTTLED'],
      [aws('ThrottlingException'), 'AWS_THROTTLED'],
      [aws('InternalError', 500), 'AWS_UNAVAILABLE'],
      [aws('SomethingNew', 502), 'AWS_UNAVAILABLE'],
      [aws('InvalidParameterValue'), 'AWS_ERROR'],
      [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'AWS_UNAVAILABLE'],
      [Object.assign(new Error('connect'), { code: 'ECONNREFUSED', $metadata: { attempts: 3, totalRetryDelay: 100 } }), 'AWS_UNAVAILABLE'],
      [Object.assign(new Error('no answer'), { name: 'TimeoutError', $metadata: { attempts: 3, totalRetryDelay: 100 } }), 'AWS_UNAVAILABLE'],
      [aws('ScalingActivityInProgress'), 'AWS_BUSY'],
      [new TypeError('a bug of ours'), 'INTERNAL']
    ]
    for (const [error, code] of meanings) assert.equal(fromAws(error, 'doing').code, code, error.name)
  })

  it('keep AWS\'s own code and request id for whoever has to look it up', () => {
    const { extra, message } = fromAws(aws('InvalidVolume.NotFound'), 'copying vol-1')
    assert.deepEqual(extra, { awsCode: 'InvalidVolume.NotFound', awsRequestId: 'r-1' })
    assert.equal(message, 'copying vol-1: InvalidVolume.NotFound: words')
  })

  it('leave errors of our own as they are', () => {
    const own = new CleanroomError('SNAPSHOT_FAILED', 'x')
    assert.equal(fromAws(own, 'doing'), own)
  })

  it('mean a wait where EC2 does not know what we made or hold', async () => {
    for (const name of ['InvalidGroup.NotFound', 'InvalidSecurityGroupID.NotFound', 'InvalidNetworkAclID.NotFound']) {
      await assert.rejects(onceKnown('sg-1', Promise.reject(aws(name))), { code: 'AWS_BUSY', message: /sg-1/ })
    }
    const other = aws('InvalidNetworkInterfaceID.NotFound')
    await assert.rejects(onceKnown('sg-1', Promise.reject(other)), other)
    assert.equal(await onceKnown('sg-1', Promise.resolve(1)), 1)
  })

  it('say that something is gone only when they say so', () => {
    for (const name of ['InvalidInstanceID.NotFound', 'NoSuchEntity', 'LoadBalancerNotFound', 'TargetGroupNotFound']) assert.ok(isGone(aws(name)), name)
    assert.ok(!isGone(aws('UnauthorizedOperation')))
    assert.ok(!isGone(new Error('NotFound')))
  })
})
