import assert from 'node:assert/strict'
import * as pulumi from '@pulumi/pulumi'
import { Value } from 'typebox/value'
import { parseConfig, type BaselineConfig } from './config.ts'
import { BaselineOutputs } from './outputs.ts'
import type { PolicyDocument } from './policies/document.ts'

const ACCOUNT = '123456789012'
const VAULT = `cleanroom-evidence-${ACCOUNT}-eu-central-1`

interface Made { type: string, name: string, inputs: Record<string, unknown>, id?: string }
interface World { made: Made[], outputs: Record<string, unknown>, of: (type: string) => Made[], one: (type: string, name: string) => Record<string, unknown> }

/** What is in the account already, by the invoke that finds it. */
interface Existing { bucket?: string, aliases?: Record<string, string>, refusal?: string }

/** As the engine passes on the provider's words: those of Terraform's AWS provider. */
const absent = (doing: string): Error => Object.assign(new Error(), { details: `${doing}: couldn't find resource` })

/** Declares the baseline against mocks that know exactly what it may ask, and nothing else. */
async function declare (config: BaselineConfig, existing: Existing = {}): Promise<World> {
  const made: Made[] = []
  const answers: Record<string, (inputs: Record<string, string>) => Record<string, unknown>> = {
    'aws:index/getCallerIdentity:getCallerIdentity': () => ({ accountId: ACCOUNT }),
    'aws:index/getRegion:getRegion': () => ({ region: 'eu-central-1' }),
    'aws:index/getPartition:getPartition': () => ({ partition: 'aws' }),
    'aws:s3/getBucket:getBucket': ({ bucket }) => {
      if (existing.refusal) throw Object.assign(new Error(), { details: existing.refusal })
      if (bucket !== existing.bucket) throw absent(`reading S3 Bucket (${bucket})`)
      return { bucket }
    },
    'aws:kms/getAlias:getAlias': ({ name = '' }) => {
      const targetKeyId = existing.aliases?.[name]
      if (!targetKeyId) throw absent(`reading KMS Alias (${name})`)
      return { targetKeyId }
    }
  }
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs, id }) => {
      made.push({ type, name, inputs: inputs as Record<string, unknown>, ...id && { id } })
      const label = String(inputs.name ?? inputs.bucket ?? name)
      const path = String(inputs.path ?? '/')
      const kind = type.startsWith('aws:iam') ? type.split(':')[2]?.toLowerCase() : ''
      return {
        id: id || label,
        state: { keyId: `${name}-id`, arn: kind ? `arn:aws:iam::${ACCOUNT}:${kind}${path}${label}` : `arn:aws:test:eu-central-1:${ACCOUNT}:${label}`, url: `https://queue/${label}`, name: label, ...inputs }
      }
    },
    call: ({ token, inputs }) => {
      const answer = answers[token]
      if (!answer) throw new Error(`unexpected call ${token}`)
      return answer(inputs as Record<string, string>)
    }
  }, 'cleanroom', 'test', false)
  const { baseline } = await import('./program.ts')
  const outputs = await new Promise<Record<string, unknown>>((resolve, reject) => {
    baseline(config).then(declared => pulumi.output(declared).apply(resolve), reject)
  })
  const of = (type: string): Made[] => made.filter(resource => resource.type.split(':')[2] === type)
  return {
    made,
    outputs,
    of,
    one: (type, name) => {
      const found = of(type).filter(resource => resource.name === name)
      assert.equal(found.length, 1, `${type} ${name}`)
      return found[0]!.inputs
    }
  }
}

describe('baseline', () => {
  let world: World
  before(async () => { world = await declare(parseConfig({ notificationEmails: '["soc@example.org"]' })) })

  it('has a vault with Object Lock from the start, default retention and versions', () => {
    assert.deepEqual({ bucket: VAULT, objectLockEnabled: true }, (({ bucket, objectLockEnabled }) => ({ bucket, objectLockEnabled }))(world.one('Bucket', 'evidence-vault')))
    assert.equal(world.one('Bucket', 'evidence-vault').forceDestroy, undefined)
    assert.deepEqual(world.one('BucketObjectLockConfiguration', 'evidence-vault').rule, { defaultRetention: { mode: 'GOVERNANCE', days: 90 } })
    assert.deepEqual(world.one('BucketVersioning', 'evidence-vault').versioningConfiguration, { status: 'Enabled' })
  })

  it('encrypts vault and state under their own keys', () => {
    for (const [bucket, key] of [['evidence-vault', 'alias/cleanroom-evidence'], ['room-state', 'alias/cleanroom-state']]) {
      const [rule] = world.one('BucketServerSideEncryptionConfiguration', bucket!).rules as Array<Record<string, Record<string, string>>>
      const alias = world.of('Alias').find(({ inputs }) => inputs.name === key)
      assert.equal(rule?.applyServerSideEncryptionByDefault?.sseAlgorithm, 'aws:kms')
      assert.ok(rule?.applyServerSideEncryptionByDefault?.kmsMasterKeyId?.includes(String(alias?.name)), key)
      assert.equal(rule?.bucketKeyEnabled, true)
    }
  })

  it('keeps both buckets private, over TLS, with one owner, and rid of abandoned uploads', () => {
    for (const name of ['evidence-vault', 'room-state']) {
      const { bucket, ...blocks } = world.one('BucketPublicAccessBlock', name)
      assert.deepEqual(blocks, { blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true }, String(bucket))
      assert.deepEqual(world.one('BucketOwnershipControls', name).rule, { objectOwnership: 'BucketOwnerEnforced' })
      const policy = JSON.parse(String(world.one('BucketPolicy', name).policy)) as PolicyDocument
      assert.ok(policy.Statement.some(({ Effect, Condition }) => Effect === 'Deny' && Condition?.Bool?.['aws:SecureTransport'] === 'false'))
      const rules = world.one('BucketLifecycleConfiguration', name).rules as Array<{ abortIncompleteMultipartUpload?: { daysAfterInitiation: number } }>
      assert.ok(rules.some(rule => rule.abortIncompleteMultipartUpload?.daysAfterInitiation === 7))
    }
  })

  it('signs with an asymmetric key of the curve that ES384 needs, and rotates the others', () => {
    const { keyUsage, customerMasterKeySpec } = world.one('Key', 'signing-key')
    assert.deepEqual({ keyUsage, customerMasterKeySpec }, { keyUsage: 'SIGN_VERIFY', customerMasterKeySpec: 'ECC_NIST_P384' })
    for (const name of ['evidence', 'state', 'messages']) assert.equal(world.one('Key', `${name}-key`).enableKeyRotation, true)
    assert.equal(world.of('KeyPolicy').length, world.of('Key').length)
  })

  it('has one role per phase below /cleanroom/, each with one policy, that only the controller may assume', () => {
    const controller = `arn:aws:iam::${ACCOUNT}:role/cleanroom/cleanroom-controller`
    for (const phase of ['contain', 'acquire', 'build', 'analyse', 'investigator']) {
      const role = world.one('Role', `responder-${phase}`)
      assert.equal(role.name, `cleanroom-${phase}`)
      assert.equal(role.path, '/cleanroom/')
      const trust = JSON.parse(String(role.assumeRolePolicy)) as PolicyDocument
      assert.deepEqual(trust.Statement.map(({ Principal }) => Principal), [{ AWS: controller }])
      assert.equal(world.of('RolePolicy').filter(({ inputs }) => inputs.role === role.name).length, 1)
    }
  })

  it('feeds the intake queue from a topic with `intake` in its name, and sets aside what can\'t be read', () => {
    const topic = world.one('Topic', 'messages-intake')
    assert.match(String(topic.name), /intake/)
    assert.ok(topic.kmsMasterKeyId)
    const subscription = world.one('TopicSubscription', 'messages-intake')
    assert.equal(subscription.protocol, 'sqs')
    const redrive = JSON.parse(String(world.one('Queue', 'messages-intake').redrivePolicy)) as { deadLetterTargetArn: string, maxReceiveCount: number }
    assert.match(redrive.deadLetterTargetArn, /cleanroom-intake-dead-letter$/)
    for (const { inputs } of world.of('Queue')) assert.equal(inputs.sqsManagedSseEnabled, true)
  })

  it('tells people by mail, and is loud when somebody breaks the glass', () => {
    assert.equal(world.one('TopicSubscription', 'messages-notifications-soc@example.org').protocol, 'email')
    const pattern = JSON.parse(String(world.one('EventRule', 'messages-break-glass').eventPattern)) as { detail: { requestParameters: { roleArn: string[] } } }
    assert.deepEqual(pattern.detail.requestParameters.roleArn, [`arn:aws:iam::${ACCOUNT}:role/cleanroom/cleanroom-break-glass`])
    assert.equal(world.one('EventTarget', 'messages-break-glass').arn, `arn:aws:test:eu-central-1:${ACCOUNT}:cleanroom-notifications`)
  })

  it('tags everything that can be tagged', () => {
    const taggable = ['Bucket', 'Key', 'Role', 'Policy', 'InstanceProfile', 'Queue', 'Topic', 'Document', 'Parameter', 'EventRule']
    for (const type of taggable) {
      assert.ok(world.of(type).length > 0, type)
      for (const { name, inputs } of world.of(type)) {
        const tags = inputs.tags as Record<string, string>
        assert.equal(tags['cleanroom:managed'], 'true', name)
        assert.ok(tags['cleanroom:purpose'], name)
      }
    }
  })

  it('publishes what the controller reads, in the shape it reads, and the same as the stack\'s outputs', () => {
    // The SDK treats every parameter's value as a secret.
    const { value } = world.one('Parameter', 'baseline').value as { value: string }
    const published = JSON.parse(value) as Record<string, unknown>
    assert.deepEqual([...Value.Errors(BaselineOutputs, published)], [])
    // Parameter Store: 4 KB for a standard parameter.
    assert.ok(JSON.stringify(published).length < 4096)
    const { keptOnDestroy, ...outputs } = world.outputs
    assert.deepEqual(outputs, published)
    assert.match((keptOnDestroy as string[]).join('\n'), new RegExp(VAULT))
  })

  it('takes back a vault and keys that a destroy left, and makes what is not there', async () => {
    assert.deepEqual(world.made.filter(({ id }) => id), [])
    const again = await declare(parseConfig({}), { bucket: VAULT, aliases: { 'alias/cleanroom-evidence': 'key-1', 'alias/cleanroom-signing': 'key-2' } })
    assert.deepEqual(again.made.filter(({ id }) => id).map(({ type, id }) => [type.split(':')[2], id]).sort(), [
      ['Alias', 'alias/cleanroom-evidence'], ['Alias', 'alias/cleanroom-signing'], ['Bucket', VAULT], ['Key', 'key-1'], ['Key', 'key-2']
    ])
  })

  it('stops where it may not look, rather than taking that for an empty account', async () => {
    await assert.rejects(declare(parseConfig({}), { refusal: 'reading S3 Bucket: AccessDenied' }), /AccessDenied/)
  })

  it('takes names from the prefix, so that a second baseline fits beside the first', async () => {
    const other = await declare(parseConfig({ namePrefix: 'drill', parameterName: '/drill/baseline' }))
    const names = other.made.flatMap(({ inputs }) => [inputs.name, inputs.bucket].filter(name => typeof name === 'string'))
    const own = names.filter(name => !/^(drill|alias\/drill|\/drill)/.test(name))
    // Inline policies are named within their role.
    assert.deepEqual(own.filter(name => !other.of('RolePolicy').some(({ inputs }) => inputs.name === name)), [])
  })
})
