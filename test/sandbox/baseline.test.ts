import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { GetRoleCommand, IAMClient, ListRolesCommand } from '@aws-sdk/client-iam'
import { DescribeKeyCommand, GetKeyPolicyCommand, KMSClient, SignCommand, VerifyCommand } from '@aws-sdk/client-kms'
import {
  GetBucketPolicyCommand, GetObjectCommand, GetObjectLockConfigurationCommand, GetPublicAccessBlockCommand, HeadBucketCommand,
  HeadObjectCommand, PutObjectCommand, S3Client
} from '@aws-sdk/client-s3'
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { ListQueuesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { DescribeDocumentCommand, GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { Value } from 'typebox/value'
import { baselineStack, installBaseline, pulumiEnvironment, type BaselineInstallation } from '../../sandbox/baseline.ts'
import { startEmulator, type Emulator } from '../../sandbox/emulator-process.ts'
import { REPOSITORY, toolchain } from '../../sandbox/toolchain/paths.mjs'
import { BaselineOutputs } from '../../stacks/baseline/outputs.ts'

const REGION = 'eu-central-1'
const VAULT = `cleanroom-evidence-123456789012-${REGION}`

describe('baseline on the sandbox', function () {
  this.timeout(300_000)

  let directory: string
  let emulator: Emulator
  let installation: BaselineInstallation
  let aws: { s3: S3Client, kms: KMSClient, iam: IAMClient, ssm: SSMClient, sns: SNSClient, sqs: SQSClient }

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-baseline-'))
    emulator = await startEmulator({ stateDir: directory })
    const access = { AWS_ACCESS_KEY_ID: 'installer', AWS_SECRET_ACCESS_KEY: 'installer' }
    installation = {
      stack: 'test', region: REGION, env: { AWS_ENDPOINT_URL: emulator.endpoint, AWS_EC2_METADATA_DISABLED: 'true', ...access }, workDir: join(directory, 'pulumi')
    }
    const client = { region: REGION, endpoint: emulator.endpoint, credentials: { accessKeyId: 'reader', secretAccessKey: 'reader' } }
    aws = {
      s3: new S3Client({ ...client, forcePathStyle: true }), kms: new KMSClient(client), iam: new IAMClient(client), ssm: new SSMClient(client), sns: new SNSClient(client), sqs: new SQSClient(client)
    }
  })

  after(async () => {
    for (const client of Object.values(aws ?? {})) client.destroy()
    await emulator?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  let first: BaselineOutputs

  it('is made with nothing but a Region, and says where everything is', async () => {
    first = await installBaseline(installation)
    const { Parameter } = await aws.ssm.send(new GetParameterCommand({ Name: '/cleanroom/baseline' }))
    assert.deepEqual(JSON.parse(Parameter?.Value ?? ''), first)
    assert.deepEqual([...Value.Errors(BaselineOutputs, first)], [])
    assert.equal(first.evidenceBucket, VAULT)
    for (const arn of Object.values(first.roles)) {
      const { Role } = await aws.iam.send(new GetRoleCommand({ RoleName: arn.split('/').at(-1) }))
      assert.equal(Role?.Arn, arn)
    }
    assert.equal((await aws.ssm.send(new DescribeDocumentCommand({ Name: first.documents.runPackage }))).Document?.Status, 'Active')
  })

  it('changes nothing the second time', async () => {
    const stack = await baselineStack(installation)
    const { summary, outputs } = await stack.up({ color: 'never' })
    assert.deepEqual(Object.keys(summary.resourceChanges ?? {}), ['same'])
    assert.deepEqual(outputs.evidenceKeyArn?.value, first.evidenceKeyArn)
  })

  it('changes nothing when `pulumi up` from a shell goes on with the same stack', async () => {
    await shell(installation, 'preview', '--expect-no-changes', '--diff')
  })

  it('has a vault that locks what is written and refuses another key', async () => {
    const { ObjectLockConfiguration } = await aws.s3.send(new GetObjectLockConfigurationCommand({ Bucket: VAULT }))
    assert.deepEqual(ObjectLockConfiguration?.Rule?.DefaultRetention, { Mode: 'GOVERNANCE', Days: 90 })
    await aws.s3.send(new PutObjectCommand({ Bucket: VAULT, Key: 'incidents/i-1/test/a/kept.txt', Body: 'kept' }))
    const head = await aws.s3.send(new HeadObjectCommand({ Bucket: VAULT, Key: 'incidents/i-1/test/a/kept.txt' }))
    assert.equal(head.ObjectLockMode, 'GOVERNANCE')
    assert.equal(head.SSEKMSKeyId, first.evidenceKeyArn)
    await assert.rejects(aws.s3.send(new PutObjectCommand({
      Bucket: VAULT, Key: 'incidents/i-1/test/a/other.txt', Body: 'x', ServerSideEncryption: 'AES256'
    })), { name: 'AccessDenied' })
  })

  it('signs with a key that verifies', async () => {
    const request = { KeyId: first.signingKeyArn, Message: Buffer.from('manifest'), SigningAlgorithm: 'ECDSA_SHA_384' as const }
    const { Signature } = await aws.kms.send(new SignCommand(request))
    assert.equal((await aws.kms.send(new VerifyCommand({ ...request, Signature }))).SignatureValid, true)
  })

  it('brings a message from the intake topic to the intake queue as it was sent', async () => {
    await aws.sns.send(new PublishCommand({ TopicArn: first.intake.topicArn, Message: 'i-0123456789abcdef0' }))
    const { Messages } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl: first.intake.queueUrl, WaitTimeSeconds: 5 }))
    assert.deepEqual(Messages?.map(({ Body }) => Body), ['i-0123456789abcdef0'])
  })

  it('says in words beforehand what a destroy would keep, and why', async () => {
    const said = await shell(installation, 'stack', 'output', 'keptOnDestroy')
    for (const kept of [`Evidence vault ${VAULT}: Object Lock keeps its contents`, first.evidenceKeyArn, first.signingKeyArn]) assert.ok(said.includes(kept), kept)
  })

  it('destroys all but the vault and its keys, and marks those as retained', async () => {
    const said = await shell(installation, 'destroy', '--yes', '--skip-preview')
    const retained = [...said.matchAll(/aws:\w+:(\w+) (\S+) deleted .*\[retain\]/g)].map(([, type, name]) => `${type} ${name}`)
    assert.deepEqual(retained.sort(), [
      'Alias evidence-key', 'Alias signing-key', 'Bucket evidence-vault', 'BucketLifecycleConfiguration evidence-vault',
      'BucketObjectLockConfiguration evidence-vault', 'BucketOwnershipControls evidence-vault', 'BucketPolicy evidence-vault',
      'BucketPublicAccessBlock evidence-vault', 'BucketServerSideEncryptionConfiguration evidence-vault', 'BucketVersioning evidence-vault',
      'Key evidence-key', 'Key signing-key', 'KeyPolicy evidence-key', 'KeyPolicy signing-key'
    ])

    const kept = await aws.s3.send(new GetObjectCommand({ Bucket: VAULT, Key: 'incidents/i-1/test/a/kept.txt' }))
    assert.equal(await kept.Body?.transformToString(), 'kept')
    await aws.s3.send(new GetBucketPolicyCommand({ Bucket: VAULT }))
    const { PublicAccessBlockConfiguration } = await aws.s3.send(new GetPublicAccessBlockCommand({ Bucket: VAULT }))
    assert.equal(PublicAccessBlockConfiguration?.BlockPublicPolicy, true)
    for (const key of [first.evidenceKeyArn, first.signingKeyArn]) {
      assert.equal((await aws.kms.send(new DescribeKeyCommand({ KeyId: key }))).KeyMetadata?.KeyState, 'Enabled')
      assert.doesNotMatch((await aws.kms.send(new GetKeyPolicyCommand({ KeyId: key, PolicyName: 'default' }))).Policy ?? '', /kms:\*/)
    }

    assert.equal((await aws.kms.send(new DescribeKeyCommand({ KeyId: first.stateKeyArn }))).KeyMetadata?.KeyState, 'PendingDeletion')
    await assert.rejects(aws.s3.send(new HeadBucketCommand({ Bucket: first.stateBucket })), { name: 'NotFound' })
    await assert.rejects(aws.ssm.send(new GetParameterCommand({ Name: '/cleanroom/baseline' })), { name: 'ParameterNotFound' })
    assert.deepEqual((await aws.iam.send(new ListRolesCommand({ PathPrefix: '/cleanroom/' }))).Roles, [])
    assert.deepEqual((await aws.sqs.send(new ListQueuesCommand({}))).QueueUrls ?? [], [])
  })

  it('takes the vault and its keys back the next time', async () => {
    const again = await installBaseline(installation)
    assert.equal(again.evidenceKeyArn, first.evidenceKeyArn)
    assert.equal(again.signingKeyArn, first.signingKeyArn)
    const kept = await aws.s3.send(new GetObjectCommand({ Bucket: VAULT, Key: 'incidents/i-1/test/a/kept.txt' }))
    assert.equal(await kept.Body?.transformToString(), 'kept')
    const stack = await baselineStack(installation)
    const { summary } = await stack.up({ color: 'never' })
    assert.deepEqual(Object.keys(summary.resourceChanges ?? {}), ['same'])
  })

  it('told not to keep evidence, still loses neither a vault with evidence nor its keys', async () => {
    const letGo = { ...installation, config: { keepEvidence: false } }
    await installBaseline(letGo)
    const stack = await baselineStack(letGo)
    await assert.rejects(stack.destroy({ color: 'never' }), /BucketNotEmpty/)
    const kept = await aws.s3.send(new GetObjectCommand({ Bucket: VAULT, Key: 'incidents/i-1/test/a/kept.txt' }))
    assert.equal(await kept.Body?.transformToString(), 'kept')
    for (const key of [first.evidenceKeyArn, first.signingKeyArn]) {
      assert.equal((await aws.kms.send(new DescribeKeyCommand({ KeyId: key }))).KeyMetadata?.KeyState, 'Enabled')
    }
  })

  it('told not to keep evidence, removes an empty vault with its keys', async () => {
    const empty = { ...installation, stack: 'empty', config: { namePrefix: 'drill', parameterName: '/drill/baseline', keepEvidence: false } }
    const made = await installBaseline(empty)
    await (await baselineStack(empty)).destroy({ color: 'never' })
    await assert.rejects(aws.s3.send(new HeadBucketCommand({ Bucket: made.evidenceBucket })), { name: 'NotFound' })
    assert.equal((await aws.kms.send(new DescribeKeyCommand({ KeyId: made.evidenceKeyArn }))).KeyMetadata?.KeyState, 'PendingDeletion')
  })
})

/** What `pulumi` says in a shell at the repository's root. @throws with its output when it fails */
async function shell (installation: BaselineInstallation, ...command: string[]): Promise<string> {
  const { pulumiHomeBin } = toolchain()
  const env = pulumiEnvironment(installation)
  const settings = join(installation.workDir, `Pulumi.${installation.stack}.yaml`)
  const { stdout } = await promisify(execFile)(join(pulumiHomeBin, 'pulumi'), [
    ...command, '--stack', installation.stack, '--non-interactive', '--color', 'never', ...command[0] === 'stack' ? [] : ['--config-file', settings]
  ], { cwd: REPOSITORY, env: { ...process.env, ...env, NODE_OPTIONS: '--import=tsx', PATH: `${pulumiHomeBin}:${env.PATH}` }, maxBuffer: 1 << 24 })
  return stdout
}
