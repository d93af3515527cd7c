import assert from 'node:assert/strict'
import { baselineNames, ROLES, type RoleName } from '../names.ts'
import type { PolicyContext, PolicyDocument, Statement } from './document.ts'
import { intakeQueuePolicy, intakeTopicPolicy } from './intake.ts'
import { KEY_POLICIES } from './keys.ts'
import { ROLE_POLICIES } from './roles.ts'
import { breakGlassTrust, controllerTrust, investigatorTrust, phaseTrust } from './trust.ts'
import { vaultPolicy } from './vault.ts'
import { workstationBoundary, workstationPolicy } from './workstation.ts'

const place = { partition: 'aws', accountId: '123456789012', region: 'eu-central-1' }
const key = (id: string): string => `arn:aws:kms:eu-central-1:123456789012:key/${id}`
const ctx: PolicyContext = {
  ...place,
  names: baselineNames('cleanroom', place, '/cleanroom/baseline'),
  evidenceKeyArn: key('evidence'),
  signingKeyArn: key('signing'),
  stateKeyArn: key('state'),
  messagesKeyArn: key('messages'),
  accounts: ['123456789012', '210987654321'],
  regions: ['eu-central-1']
}

const PHASES: RoleName[] = ['contain', 'acquire', 'build', 'analyse']
const policyOf = (role: RoleName): PolicyDocument => ROLE_POLICIES[role].policy(ctx)
const allowed = ({ Statement }: PolicyDocument): Statement[] => Statement.filter(({ Effect }) => Effect === 'Allow')
const allowing = (document: PolicyDocument, action: string): Statement[] => allowed(document).filter(({ Action }) => Action?.some(pattern => covers(pattern, action)))
const covers = (pattern: string, action: string): boolean =>
  new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'i').test(action)

const everything: Array<[string, PolicyDocument]> = [
  ...ROLES.map((role): [string, PolicyDocument] => [role, policyOf(role)]),
  ['workstation', workstationPolicy()],
  ['workstation boundary', workstationBoundary(ctx)]
]

describe('policies of the roles', () => {
  for (const [name, document] of everything) {
    it(`${name}: allows named actions only; wildcards only to describe`, () => {
      for (const { Sid, Action, NotAction } of allowed(document)) {
        assert.equal(NotAction, undefined, Sid)
        for (const action of Action ?? []) assert.match(action, /^[a-z0-9-]+:(Describe\*|[A-Z][A-Za-z0-9]+)$/, Sid)
      }
    })

    it(`${name}: fits into what IAM takes, each statement with a name of its own`, () => {
      // IAM quotas: 10,240 characters for all inline policies of a role, 6,144 for a managed policy.
      assert.ok(JSON.stringify(document).length <= (name === 'workstation boundary' ? 6144 : 10240), `${JSON.stringify(document).length}`)
      const names = document.Statement.map(({ Sid }) => Sid)
      assert.deepEqual(names, [...new Set(names)])
      for (const sid of names) assert.match(sid, /^[A-Za-z0-9]+$/)
    })
  }

  it('only acts on all resources where AWS offers nothing narrower', () => {
    const unlimited = everything.flatMap(([, document]) => allowed(document))
      .filter(({ Resource, Condition }) => Resource?.includes('*') && !Condition)
      .flatMap(({ Action }) => Action ?? [])
    const harmless = /:(Describe|Get|List|Lookup|Filter|Generate|StartQuery|StopQuery)/
    const known = [
      // The agent's channel and its commands have no ARN.
      /^(ssmmessages|ec2messages):/, /^ssm:(UpdateInstanceInformation|CancelCommand)$/,
      // Log deliveries have none, either.
      /^logs:(Create|Delete)LogDelivery$/
    ]
    assert.deepEqual(unlimited.filter(action => !harmless.test(action) && !known.some(pattern => pattern.test(action))), [])
  })

  it('no phase can delete evidence, end its retention, or touch the vault\'s settings', () => {
    const forbidden = [
      's3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy',
      's3:PutBucketObjectLockConfiguration', 's3:PutBucketVersioning', 's3:PutLifecycleConfiguration', 's3:DeleteBucket',
      'ec2:DeleteSnapshot', 'ec2:UnlockSnapshot', 'kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:PutKeyPolicy'
    ]
    for (const role of [...PHASES, 'controller', 'investigator'] as RoleName[]) {
      for (const action of forbidden) {
        const reaching = allowing(policyOf(role), action).filter(({ Resource }) => Resource?.some(arn => !arn.startsWith(ctx.names.stateBucketArn)))
        assert.deepEqual(reaching, [], `${role} ${action}`)
      }
    }
  })

  it('only containment and the building of rooms write to IAM, and only what they must', () => {
    const writes = /^iam:(?!Get|List|Generate|Simulate)/
    const found = Object.fromEntries(everything.map(([name, document]) =>
      [name, [...new Set(allowed(document).flatMap(({ Action }) => Action ?? []).filter(action => writes.test(action)))].sort()]))
    const containing = ['iam:DeleteRolePolicy', 'iam:PassRole', 'iam:PutRolePolicy', 'iam:UpdateAccessKey']
    assert.deepEqual(found, {
      controller: [],
      contain: containing,
      acquire: [],
      build: [
        'iam:AddRoleToInstanceProfile', 'iam:CreateInstanceProfile', 'iam:CreateRole', 'iam:DeleteInstanceProfile', 'iam:DeleteRole',
        'iam:DeleteRolePolicy', 'iam:PassRole', 'iam:PutRolePolicy', 'iam:RemoveRoleFromInstanceProfile', 'iam:TagInstanceProfile',
        'iam:TagRole', 'iam:UntagInstanceProfile', 'iam:UntagRole'
      ],
      analyse: [],
      investigator: [],
      breakGlass: containing,
      workstation: [],
      'workstation boundary': []
    })
  })

  it('containment cannot change a role of Cleanroom\'s own', () => {
    for (const action of ['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:PassRole']) {
      const denied = policyOf('contain').Statement.filter(({ Effect, Action }) => Effect === 'Deny' && Action?.includes(action)).flatMap(({ Resource }) => Resource)
      assert.ok(denied.includes('arn:aws:iam::123456789012:role/cleanroom/*'), action)
    }
  })

  it('rooms\' roles lie below one path, carry the boundary, and go to EC2 only', () => {
    for (const action of ['iam:CreateRole', 'iam:PutRolePolicy']) {
      for (const { Resource, Condition } of allowing(policyOf('build'), action)) {
        assert.deepEqual(Resource, ['arn:aws:iam::123456789012:role/cleanroom/rooms/*'])
        assert.deepEqual(Condition, { StringEquals: { 'iam:PermissionsBoundary': ctx.names.boundaryArn } })
      }
    }
    const [pass, ...others] = allowing(policyOf('build'), 'iam:PassRole')
    assert.deepEqual(others, [])
    assert.deepEqual(pass?.Resource, ['arn:aws:iam::123456789012:role/cleanroom/rooms/*'])
    assert.deepEqual(pass?.Condition, { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } })
    for (const action of ['iam:PutRolePermissionsBoundary', 'iam:DeleteRolePermissionsBoundary', 'iam:AttachRolePolicy', 'iam:UpdateAssumeRolePolicy']) {
      assert.deepEqual(allowing(policyOf('build'), action), [], action)
    }
  })

  it('building changes and removes only what is tagged as Cleanroom\'s, and tags what it makes', () => {
    for (const { Sid, Action, Condition } of allowed(policyOf('build'))) {
      const risky = Action?.filter(action => /^ec2:(Delete|Terminate|Stop|Modify|Attach|Detach|Authorize|Associate)/.test(action)) ?? []
      if (!risky.length) continue
      const conditions = JSON.stringify(Condition ?? {})
      assert.match(conditions, /aws:(Resource|Request)Tag\/cleanroom:managed":"true"/, Sid)
    }
    for (const action of ['ec2:CreateVpc', 'ec2:CreateSubnet', 'ec2:CreateSecurityGroup', 'ec2:CreateVolume', 'ec2:CreateVpcEndpoint']) {
      for (const { Condition } of allowing(policyOf('build'), action)) assert.match(JSON.stringify(Condition ?? {}), /cleanroom:managed":"true"/, action)
    }
  })

  it('a tag in the request never opens a thing that others are made in', () => {
    // aws:RequestTag holds for the whole request: CreateSubnet with our tag must not reach a foreign VPC.
    const byRequestTag = allowed(policyOf('build')).filter(({ Condition }) => JSON.stringify(Condition ?? {}).includes('aws:RequestTag'))
    const parents = { 'ec2:CreateSubnet': 'vpc/', 'ec2:RunInstances': 'subnet/', 'ec2:CreateVpcEndpoint': 'subnet/', 'ec2:CreateSecurityGroup': 'vpc/', 'ec2:AuthorizeSecurityGroupIngress': 'security-group/' }
    for (const [action, parent] of Object.entries(parents)) {
      const reached = byRequestTag.filter(({ Action }) => Action?.includes(action)).flatMap(({ Resource }) => Resource ?? [])
      assert.deepEqual(reached.filter(arn => arn.includes(`:${parent}`)), [], action)
    }
  })

  it('containment cannot tag a suspected machine as Cleanroom\'s own', () => {
    const onMachines = allowing(policyOf('contain'), 'ec2:CreateTags').filter(({ Resource }) => Resource?.some(arn => arn.includes(':instance/')))
    assert.ok(onMachines.length > 0)
    for (const { Condition } of onMachines) {
      const keys = Condition?.['ForAllValues:StringEquals']?.['aws:TagKeys'] ?? []
      assert.ok(keys.includes('cleanroom:status'))
      assert.ok(!keys.includes('cleanroom:managed'))
    }
  })

  it('analysis commands run our one document, and on machines of ours only', () => {
    const [document, machines, ...others] = allowing(policyOf('analyse'), 'ssm:SendCommand')
    assert.deepEqual(others, [])
    assert.deepEqual(document?.Resource, ['arn:aws:ssm:*:123456789012:document/cleanroom-run-package'])
    assert.deepEqual(machines?.Condition, { StringEquals: { 'ssm:resourceTag/cleanroom:managed': 'true' } })
    assert.deepEqual(allowing(policyOf('contain'), 'ssm:SendCommand'), [])
    assert.deepEqual(allowing(policyOf('build'), 'ssm:SendCommand'), [])
  })

  it('no phase acts outside the Regions in scope', () => {
    for (const role of [...PHASES, 'investigator'] as RoleName[]) {
      const guard = policyOf(role).Statement.find(({ Sid }) => Sid === 'OutsideTheRegionsInScope')
      assert.deepEqual(guard?.Condition, { StringNotEquals: { 'aws:RequestedRegion': ['eu-central-1'] } }, role)
    }
  })

  it('a workstation can talk to Systems Manager, and by its boundary reach packages and incidents and nothing more', () => {
    assert.ok(allowed(workstationPolicy()).every(({ Action }) => Action?.every(action => /^(ssm|ssmmessages|ec2messages):/.test(action))))
    const boundary = workstationBoundary(ctx)
    const services = new Set(allowed(boundary).flatMap(({ Action }) => Action ?? []).map(action => action.split(':')[0]))
    assert.deepEqual([...services].sort(), ['ec2messages', 'kms', 'logs', 's3', 'ssm', 'ssmmessages'])
    const rest = boundary.Statement.find(({ Effect }) => Effect === 'Deny')
    assert.deepEqual([...rest?.NotAction ?? []].sort(), [...new Set(allowed(boundary).flatMap(({ Action }) => Action ?? []))].sort())
    for (const action of ['s3:PutObject', 's3:GetObject']) {
      for (const { Resource } of allowing(boundary, action)) {
        assert.ok(Resource?.every(arn => /\/(packages|incidents)\/\*$/.test(arn)))
      }
    }
  })
})

describe('who may become a role', () => {
  it('a phase: the controller and nobody else', () => {
    assert.deepEqual(phaseTrust(ctx).Statement.map(({ Principal }) => Principal), [{ AWS: ctx.names.roleArn('controller') }])
  })

  it('the controller: its service in this account, itself, and whom the configuration names', () => {
    const trust = controllerTrust(ctx, ['arn:aws:iam::123456789012:role/responder'])
    assert.deepEqual(trust.Statement.map(({ Principal }) => Principal), [
      { Service: 'ecs-tasks.amazonaws.com' }, { AWS: 'arn:aws:iam::123456789012:root' }, { AWS: ['arn:aws:iam::123456789012:role/responder'] }
    ])
    assert.deepEqual(trust.Statement[1]?.Condition, { ArnLike: { 'aws:PrincipalArn': [ctx.names.roleArn('controller')] } })
    assert.equal(controllerTrust(ctx, []).Statement.length, 2)
  })

  it('an investigator: the controller and named people', () => {
    assert.equal(investigatorTrust(ctx, []).Statement.length, 1)
    assert.deepEqual(investigatorTrust(ctx, ['arn:aws:iam::123456789012:role/dfir']).Statement[1]?.Principal, { AWS: ['arn:aws:iam::123456789012:role/dfir'] })
  })

  it('break-glass: never without a second factor', () => {
    for (const people of [[], ['arn:aws:iam::123456789012:user/ada']]) {
      for (const { Condition } of breakGlassTrust(ctx, people).Statement) assert.equal(Condition?.Bool?.['aws:MultiFactorAuthPresent'], 'true')
    }
  })
})

describe('the vault\'s policy', () => {
  const denials = vaultPolicy(ctx).Statement.filter(({ Effect }) => Effect === 'Deny')
  const denying = (action: string) => denials.filter(({ Action }) => Action?.some(pattern => covers(pattern, action)))

  it('refuses everything that is not TLS', () => {
    const plain = denials.find(({ Condition }) => Condition?.Bool?.['aws:SecureTransport'] === 'false')
    assert.deepEqual(plain?.Action, ['s3:*'])
    assert.equal(plain?.Principal, '*')
  })

  it('lets nobody but break-glass bypass retention', () => {
    const bypass = denials.find(({ Action }) => Action?.includes('s3:BypassGovernanceRetention'))
    assert.equal(bypass?.Principal, '*')
    assert.deepEqual(bypass?.Condition, { ArnNotLike: { 'aws:PrincipalArn': ctx.names.roleArn('breakGlass') } })
  })

  it('refuses any encryption but the evidence key\'s, and allows the default', () => {
    const uploads = denying('s3:PutObject').filter(({ Sid }) => Sid !== 'PlainTextTransport')
    const header = 's3:x-amz-server-side-encryption'
    const refused = (request: Record<string, string>): boolean => uploads.some(({ Condition }) => Object.entries(Condition ?? {}).every(([operator, entries]) =>
      Object.entries(entries).every(([name, value]) => operator === 'Null'
        ? String(request[name] === undefined) === value
        : request[name] === undefined || request[name] !== value)))
    assert.equal(refused({}), false)
    assert.equal(refused({ [header]: 'aws:kms', [`${header}-aws-kms-key-id`]: ctx.evidenceKeyArn }), false)
    assert.equal(refused({ [header]: 'AES256' }), true)
    assert.equal(refused({ [header]: 'aws:kms' }), true)
    assert.equal(refused({ [header]: 'aws:kms', [`${header}-aws-kms-key-id`]: key('other') }), true)
  })

  it('keeps every responder from deleting evidence and from changing what protects it', () => {
    const responders = 'arn:aws:iam::123456789012:role/cleanroom/*'
    for (const action of ['s3:DeleteObjectVersion', 's3:PutBucketPolicy', 's3:PutBucketObjectLockConfiguration', 's3:PutBucketVersioning', 's3:DeleteBucket']) {
      assert.ok(denying(action).some(({ Condition }) => Condition?.ArnLike?.['aws:PrincipalArn'] === responders), action)
    }
  })

  it('takes flow logs from this account\'s log delivery, below incidents only', () => {
    const delivery = vaultPolicy(ctx).Statement.filter(({ Effect }) => Effect === 'Allow')
    assert.deepEqual(delivery[0]?.Resource, ['arn:aws:s3:::cleanroom-evidence-123456789012-eu-central-1/incidents/*/flow-logs/*'])
    for (const { Principal, Condition } of delivery) {
      assert.deepEqual(Principal, { Service: 'delivery.logs.amazonaws.com' })
      assert.equal(Condition?.StringEquals?.['aws:SourceAccount'], '123456789012')
    }
  })
})

describe('key policies', () => {
  const useActions = ['kms:Encrypt', 'kms:Decrypt', 'kms:Sign', 'kms:GenerateDataKey', 'kms:CreateGrant']

  it('administering a key is not using it', () => {
    for (const [name, make] of Object.entries(KEY_POLICIES)) {
      const administration = make(ctx).Statement.find(({ Sid }) => Sid === 'Administration')
      assert.ok(administration?.Action?.includes('kms:PutKeyPolicy'), name)
      for (const action of useActions) assert.ok(!administration?.Action?.some(pattern => covers(pattern, action)), `${name} ${action}`)
    }
  })

  it('no responder can take a key away', () => {
    for (const make of Object.values(KEY_POLICIES)) {
      const denial = make(ctx).Statement.find(({ Effect, Action }) => Effect === 'Deny' && Action?.includes('kms:ScheduleKeyDeletion'))
      assert.deepEqual(denial?.Condition, { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::123456789012:role/cleanroom/*' } })
    }
  })

  it('only the controller signs', () => {
    const signing = allowing(KEY_POLICIES.signing(ctx), 'kms:Sign')
    assert.deepEqual(signing.map(({ Condition }) => Condition), [{ ArnLike: { 'aws:PrincipalArn': [ctx.names.roleArn('controller')] } }])
  })

  it('whoever uses a key in the account is named', () => {
    for (const [name, make] of Object.entries(KEY_POLICIES)) {
      for (const { Sid, Principal, Condition } of allowed(make(ctx)).filter(statement => !['Administration', 'Intake'].includes(statement.Sid))) {
        const service = typeof Principal === 'object' && Principal.Service
        assert.ok(service ? Condition?.StringEquals?.['aws:SourceAccount'] : Condition?.ArnLike?.['aws:PrincipalArn'], `${name} ${Sid}`)
      }
    }
  })
})

describe('the intake', () => {
  it('queues what its topic or this account\'s own event rules send, and nothing else', () => {
    for (const { Principal, Condition } of allowed(intakeQueuePolicy(ctx))) {
      assert.ok(typeof Principal === 'object' && Principal.Service)
      assert.ok(Condition?.ArnEquals?.['aws:SourceArn'] ?? Condition?.ArnLike?.['aws:SourceArn'])
    }
  })

  it('hears the accounts in scope', () => {
    assert.deepEqual(intakeTopicPolicy(ctx).Statement[0]?.Principal, { AWS: ['arn:aws:iam::123456789012:root', 'arn:aws:iam::210987654321:root'] })
  })
})
