import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DeleteTagsCommand, DescribeRouteTablesCommand, DescribeSecurityGroupRulesCommand, DescribeVpcsCommand, EC2Client, RevokeSecurityGroupEgressCommand } from '@aws-sdk/client-ec2'
import { EventBridgeClient, ListRulesCommand, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge'
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import * as aws from '@pulumi/aws'
import { LocalWorkspace, PulumiCommand, type EngineEvent, type OpMap, type PulumiFn, type Stack } from '@pulumi/pulumi/automation/index.js'
import { startEmulator, type Emulator } from '../emulator-process.ts'
import { toolchain } from '../toolchain/paths.mjs'

/* eslint-disable no-new -- that is how Pulumi declares a resource */

const REGION = 'eu-central-1'

/** What a variant of the network has of its own. */
interface Variant { port?: number, subnet?: string, owner?: string, action?: string | string[] }

function network ({ port = 443, subnet = '10.9.1.0/24', owner = 'us', action = ['s3:GetObject', 's3:PutObject'] }: Variant = {}): PulumiFn {
  return async () => {
    const provider = new aws.Provider('own', { region: REGION, allowedAccountIds: ['123456789012'], defaultTags: { tags: { managed: 'yes' } } })
    const opts = { provider }
    const vpc = new aws.ec2.Vpc('room', { cidrBlock: '10.9.0.0/16', enableDnsHostnames: true, tags: { owner } }, opts)
    const part = new aws.ec2.Subnet('part', { vpcId: vpc.id, cidrBlock: subnet, availabilityZone: `${REGION}a` }, opts)
    const table = new aws.ec2.RouteTable('table', { vpcId: vpc.id }, opts)
    new aws.ec2.RouteTableAssociation('table', { subnetId: part.id, routeTableId: table.id }, opts)
    new aws.ec2.DefaultSecurityGroup('default', { vpcId: vpc.id }, opts)
    const group = new aws.ec2.SecurityGroup('group', { vpcId: vpc.id }, opts)
    new aws.vpc.SecurityGroupEgressRule('out', { securityGroupId: group.id, ipProtocol: 'tcp', fromPort: port, toPort: port, cidrIpv4: '10.9.0.0/16' }, opts)
    const bucket = new aws.s3.Bucket('evidence', { objectLockEnabled: true }, opts)
    new aws.s3.BucketPolicy('evidence', {
      bucket: bucket.id,
      policy: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Principal: '*', Action: action, Resource: [bucket.arn], Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]
      }
    }, opts)
    return { vpcId: vpc.id, subnetId: part.id, subnetArn: part.arn, groupId: group.id, tableId: table.id, tags: vpc.tagsAll, bucket: bucket.bucket }
  }
}

/** A rule that sends to a queue, and a log: what the provider's EventBridge and CloudWatch Logs types can do. */
function watch (source: string, retentionInDays: number): PulumiFn {
  return async () => {
    const queue = new aws.sqs.Queue('heard', {})
    const rule = new aws.cloudwatch.EventRule('watch', { eventPattern: JSON.stringify({ source: [source] }), tags: { owner: source } })
    new aws.cloudwatch.EventTarget('heard', { rule: rule.name, arn: queue.arn, retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: 60 } })
    const log = new aws.cloudwatch.LogGroup('seen', { retentionInDays, tags: { owner: source } })
    return { rule: rule.name, queueArn: queue.arn, logArn: log.arn }
  }
}

describe('the stand-in aws provider, driven by the engine', function () {
  this.timeout(180_000)

  let directory: string
  let emulator: Emulator
  let ec2: EC2Client
  let stack: Stack
  const program: { current: PulumiFn } = { current: network() }

  before(async function () {
    const { emulatorPython, pulumiHome } = toolchain()
    if (!existsSync(emulatorPython) || !existsSync(join(pulumiHome, 'bin', 'pulumi'))) this.skip()
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-provider-'))
    emulator = await startEmulator({ stateDir: directory })
    ec2 = new EC2Client({ region: REGION, endpoint: emulator.endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    await mkdir(join(directory, 'state'))
    stack = await LocalWorkspace.createOrSelectStack({
      stackName: 'test', projectName: 'provider', program: async () => await program.current()
    }, {
      workDir: directory,
      pulumiHome: join(directory, 'home'),
      pulumiCommand: await PulumiCommand.get({ root: pulumiHome, skipVersionCheck: true }),
      envVars: {
        PULUMI_BACKEND_URL: pathToFileURL(join(directory, 'state')).href,
        PULUMI_CONFIG_PASSPHRASE: 'test',
        PULUMI_SKIP_UPDATE_CHECK: 'true',
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
        NODE_OPTIONS: '',
        PATH: [toolchain().pluginDir, process.env.PATH].join(delimiter),
        AWS_ENDPOINT_URL: emulator.endpoint,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test'
      }
    })
  })

  after(async () => {
    ec2?.destroy()
    await emulator?.stop()
    if (directory) await rm(directory, { recursive: true })
  })

  async function up (variant: PulumiFn): Promise<{ changes: OpMap, outputs: Record<string, string>, operations: string[] }> {
    program.current = variant
    const operations: string[] = []
    const onEvent = ({ resourcePreEvent }: EngineEvent) => {
      if (resourcePreEvent) operations.push(`${resourcePreEvent.metadata.op} ${resourcePreEvent.metadata.urn.split('::').slice(2).join(' ')}`)
    }
    const { summary, outputs } = await stack.up({ color: 'never', suppressProgress: true, onEvent })
    return {
      changes: summary.resourceChanges ?? {},
      outputs: Object.fromEntries(Object.entries(outputs).map(([key, { value }]) => [key, value as string])),
      operations: operations.filter(operation => !operation.startsWith('same'))
    }
  }

  let made: Record<string, string>

  it('makes what the program says, with AWS\'s own ids and the default tags', async () => {
    const { changes, outputs } = await up(network())
    deepEqual(changes, { create: 11 })
    made = outputs
    match(made.vpcId!, /^vpc-/)
    equal(made.subnetArn, `arn:aws:ec2:${REGION}:123456789012:subnet/${made.subnetId}`)
    match(made.bucket!, /^evidence-[0-9a-f]{7}$/)
    deepEqual(made.tags, { managed: 'yes', owner: 'us' })
    const { Vpcs: [vpc] = [] } = await ec2.send(new DescribeVpcsCommand({ VpcIds: [made.vpcId!] }))
    deepEqual(Object.fromEntries(vpc!.Tags!.map(({ Key, Value }) => [Key, Value])), { managed: 'yes', owner: 'us' })
  })

  it('takes the default egress rule from new groups and every rule from the adopted default group', async () => {
    const { SecurityGroupRules = [] } = await ec2.send(new DescribeSecurityGroupRulesCommand({}))
    const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ VpcIds: [made.vpcId!] }))
    equal(Vpcs.length, 1)
    deepEqual(SecurityGroupRules.filter(({ GroupId }) => GroupId === made.groupId).map(({ FromPort, CidrIpv4 }) => [FromPort, CidrIpv4]), [[443, '10.9.0.0/16']])
  })

  it('changes nothing the second time', async () => {
    deepEqual((await up(network())).changes, { same: 11 })
  })

  it('knows a policy in other words for the same', async () => {
    deepEqual((await up(network({ action: ['s3:PutObject', 's3:GetObject'] }))).changes, { same: 11 })
  })

  it('updates in place what AWS can change', async () => {
    const { operations, outputs } = await up(network({ port: 8443, owner: 'them' }))
    deepEqual(operations.sort(), ['update aws:ec2/vpc:Vpc room', 'update aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule out'])
    equal(outputs.vpcId, made.vpcId)
    deepEqual(outputs.tags, { managed: 'yes', owner: 'them' })
  })

  it('replaces what AWS can\'t, and what hangs on it', async () => {
    const { outputs, changes } = await up(network({ subnet: '10.9.2.0/24' }))
    ok(outputs.subnetId !== made.subnetId)
    equal(changes.replace, 2)
    const { RouteTables: [table] = [] } = await ec2.send(new DescribeRouteTablesCommand({ RouteTableIds: [made.tableId!] }))
    deepEqual(table!.Associations!.map(({ SubnetId }) => SubnetId), [outputs.subnetId])
    await up(network())
  })

  it('sees what others changed, and puts it right', async () => {
    await ec2.send(new DeleteTagsCommand({ Resources: [made.vpcId!], Tags: [{ Key: 'owner' }] }))
    const { SecurityGroupRules = [] } = await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [made.groupId!] }] }))
    await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: made.groupId!, SecurityGroupRuleIds: [SecurityGroupRules[0]!.SecurityGroupRuleId!] }))
    const { summary } = await stack.refresh()
    equal(summary.resourceChanges?.delete, 1)
    equal(summary.resourceChanges?.update, 1)
    const { operations } = await up(network())
    deepEqual(operations.sort(), ['create aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule out', 'update aws:ec2/vpc:Vpc room'])
  })

  it('refuses inputs, types and settings it does not know, and makes nothing', async () => {
    const refused = [
      [async () => { new aws.ec2.Vpc('odd', { cidrBlock: '10.8.0.0/16', ipv6IpamPoolId: 'ipam-pool-1' }) }, /does not know the input "ipv6IpamPoolId" of aws:ec2\/vpc:Vpc/],
      [async () => { new aws.ec2.Eip('odd', {}) }, /does not have the resource type aws:ec2\/eip:Eip/],
      [async () => { await aws.ec2.getVpcs() }, /does not have the function aws:ec2\/getVpcs:getVpcs/],
      [async () => { new aws.ec2.Vpc('odd', { cidrBlock: '10.8.0.0/16' }, { provider: new aws.Provider('odd', { region: REGION, httpProxy: 'http://127.0.0.1:1' }) }) }, /does not know the setting "httpProxy"/],
      [async () => { new aws.ec2.Vpc('odd', { cidrBlock: '10.8.0.0/16' }, { provider: new aws.Provider('odd', { region: REGION, allowedAccountIds: ['999999999999'] }) }) }, /AWS account ID not allowed: 123456789012/]
    ] as const
    for (const [odd, reason] of refused) {
      await rejects(up(async () => {
        await odd()
        return await network()()
      }), reason)
    }
    const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: 'cidr', Values: ['10.8.0.0/16'] }] }))
    deepEqual(Vpcs, [])
  })

  it('passes on AWS\'s own code, and does not lose what was half made', async () => {
    const fault = async (rules: unknown[]) => await fetch(`${emulator.endpoint}/_sandbox/faults`, { method: 'PUT', body: JSON.stringify(rules) })
    await fault([{ service: 'ec2', action: 'ModifyVpcAttribute', error: { code: 'UnauthorizedOperation', status: 403 } }])
    const second: PulumiFn = async () => {
      new aws.ec2.Vpc('second', { cidrBlock: '10.7.0.0/16', enableDnsHostnames: true })
      return await network()()
    }
    await rejects(up(second), /creating aws:ec2\/vpc:Vpc \(second\): UnauthorizedOperation/)
    await fault([])
    const vpcs = async () => (await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: 'cidr', Values: ['10.7.0.0/16'] }] }))).Vpcs?.length
    equal(await vpcs(), 1)
    await up(network())
    equal(await vpcs(), 0)
  })

  it('removes everything', async () => {
    await stack.destroy()
    const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: 'cidr', Values: ['10.9.0.0/16'] }] }))
    deepEqual(Vpcs, [])
    const s3 = new S3Client({ region: REGION, endpoint: emulator.endpoint, forcePathStyle: true, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}))
    s3.destroy()
    deepEqual(Buckets.filter(({ Name }) => Name === made.bucket), [])
  })

  it('makes, changes and removes a rule, its target and a log', async () => {
    const events = new EventBridgeClient({ region: REGION, endpoint: emulator.endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    const { outputs, changes } = await up(watch('aws.guardduty', 7))
    deepEqual(changes, { create: 5 })
    const { Targets = [] } = await events.send(new ListTargetsByRuleCommand({ Rule: outputs.rule }))
    deepEqual(Targets.map(({ Arn, RetryPolicy }) => [Arn, RetryPolicy?.MaximumRetryAttempts]), [[outputs.queueArn, 3]])
    match(outputs.logArn!, /:log-group:seen-[0-9a-f]{7}$/)
    deepEqual((await up(watch('aws.guardduty', 7))).changes, { same: 5 })

    const { operations } = await up(watch('aws.health', 30))
    deepEqual(operations.sort(), ['update aws:cloudwatch/eventRule:EventRule watch', 'update aws:cloudwatch/logGroup:LogGroup seen'])
    equal((await stack.refresh()).summary.resourceChanges?.same, 5)
    await stack.destroy()
    const { Rules = [] } = await events.send(new ListRulesCommand({ NamePrefix: outputs.rule }))
    events.destroy()
    deepEqual(Rules, [])
  })
})
