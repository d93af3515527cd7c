import assert from 'node:assert/strict'
import fc from 'fast-check'
import { contains, planEndpoints, planNetwork, planSubnets } from './network-plan.ts'
import { exampleRoom } from './example-room.ts'

/** Any aligned range that a room may have. */
const range = fc.record({ length: fc.integer({ min: 16, max: 28 }), seed: fc.nat() }).map(({ length, seed }) => {
  const blocks = 2 ** (length - 8)
  const base = 10 * 2 ** 24 + (seed % blocks) * 2 ** (32 - length)
  return `${[24, 16, 8, 0].map(shift => Math.floor(base / 2 ** shift) % 256).join('.')}/${length}`
})
const zones = fc.array(fc.option(fc.constantFrom('eu-central-1a', 'eu-central-1b'), { nil: undefined }), { minLength: 1, maxLength: 6 })

describe('The network plan', () => {
  it('keeps every subnet inside the room and apart from the others, for any range and number of zones', () => {
    fc.assert(fc.property(range, zones, (cidr, wanted) => {
      fc.pre(Number(cidr.split('/')[1]) + Math.ceil(Math.log2(wanted.length)) <= 28)
      const subnets = planSubnets(cidr, wanted)
      assert.equal(subnets.length, wanted.length)
      for (const [index, subnet] of subnets.entries()) {
        assert.ok(contains(cidr, subnet.cidr), `${subnet.cidr} in ${cidr}`)
        assert.equal(subnet.availabilityZone, wanted[index])
        for (const other of subnets.slice(index + 1)) {
          assert.ok(!contains(subnet.cidr, other.cidr) && !contains(other.cidr, subnet.cidr), `${subnet.cidr} and ${other.cidr}`)
        }
      }
    }))
  })

  it('is the same for the same input', () => {
    assert.deepEqual(planNetwork(exampleRoom()), planNetwork(exampleRoom()))
  })

  for (const [cidr, why] of [
    ['10.0.0.0/8', 'larger than a VPC may be'], ['10.0.0.0/29', 'smaller than a subnet may be'], ['10.0.0.7/24', 'not aligned'],
    ['8.8.8.0/24', 'not private'], ['172.32.0.0/24', 'just outside a private range'], ['10.0.0.256/24', 'not an address'],
    ['fd00::/64', 'not IPv4'], ['', 'empty']
  ] as const) {
    it(`refuses the range "${cidr}": ${why}`, () => {
      assert.throws(() => planNetwork(exampleRoom({ cidr })), RangeError)
    })
  }

  it('has an endpoint for the agent\'s services and for S3, and for nothing else', () => {
    assert.deepEqual(planEndpoints(exampleRoom()).map(({ serviceName, type }) => `${type} ${serviceName}`), [
      'Interface com.amazonaws.eu-central-1.ssm',
      'Interface com.amazonaws.eu-central-1.ssmmessages',
      'Interface com.amazonaws.eu-central-1.ec2messages',
      'Gateway com.amazonaws.eu-central-1.s3'
    ])
  })

  it('lets only this incident\'s workstation through an endpoint', () => {
    for (const { policy } of planEndpoints(exampleRoom({ incidentId: 'inc-1' }))) {
      for (const { Condition } of policy.Statement) {
        assert.deepEqual(Condition, { StringEquals: { 'aws:PrincipalArn': 'arn:aws:iam::123456789012:role/cleanroom/rooms/cleanroom-inc-1' } })
      }
    }
  })

  it('lets nothing through to S3 but packages and this incident\'s evidence', () => {
    const s3 = planEndpoints(exampleRoom({ incidentId: 'inc-1' })).find(({ service }) => service === 's3')
    assert.deepEqual(s3?.policy.Statement.map(({ Action, Resource }) => [Resource, ...Action]), [
      ['arn:aws:s3:::evidence/packages/*', 's3:GetObject'],
      ['arn:aws:s3:::evidence/incidents/inc-1/*', 's3:GetObject'],
      ['arn:aws:s3:::evidence/incidents/inc-1/analysis/*', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts']
    ])
  })
})
