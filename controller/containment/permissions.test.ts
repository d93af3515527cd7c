import assert from 'node:assert/strict'
import { awsError, fakeClients, type Answer } from '../triage/fake-clients.ts'
import { PLAIN_INSTANCE } from '../triage/facts-for-tests.ts'
import type { InstanceFacts, Surroundings } from '../triage/target-facts.ts'
import { canAsk, findLacking, permissionChecks, type PermissionCheck } from './permissions.ts'
import { DEFAULT_CONTAINMENT_POLICY, KINDS, planContainment, RUNGS } from './plan.ts'

const ROLE = 'arn:aws:iam::123456789012:role/cleanroom/cleanroom-contain'

const FACTS: InstanceFacts = {
  ...PLAIN_INSTANCE,
  interfaces: ['eni-1', 'eni-2'].map((interfaceId, deviceIndex) => ({
    interfaceId,
    kind: 'interface',
    deviceIndex,
    networkCardIndex: 0,
    subnetId: 'subnet-1',
    securityGroupIds: ['sg-web'],
    privateAddresses: ['10.0.0.5'],
    ipv6Addresses: [],
    elasticAddresses: deviceIndex === 0 ? [{ allocationId: 'eipalloc-1', associationId: 'eipassoc-1', publicIp: '198.51.100.7', privateAddress: '10.0.0.5' }] : []
  })),
  volumes: [{ volumeId: 'vol-1', device: '/dev/xvda', sizeGiB: 8, encrypted: false, deleteOnTermination: true }],
  instanceProfileArn: 'arn:aws:iam::123456789012:instance-profile/web',
  tags: { Name: 'web1', 'cleanroom:status': 'quarantined' }
}

const AROUND: Surroundings = {
  autoScaling: { group: 'web', lifecycleState: 'InService', desiredCapacity: 1, minSize: 1, maxSize: 2, members: ['i-1'], subnetIds: ['subnet-2'], targetGroupArns: [] },
  targets: [{ targetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1', targetId: 'i-1', port: 80 }],
  classicLoadBalancers: ['old'],
  role: { roleName: 'web', roleArn: 'arn:aws:iam::123456789012:role/app/web', roleId: 'AROAWEB', serviceLinked: false, otherInstances: [], otherPrincipals: [] },
  subnets: [{ subnetId: 'subnet-1', networkAclId: 'acl-1', associationId: 'aclassoc-1', neighbours: [] }],
  othersInVpc: [],
  ssmEndpoints: [{ endpointId: 'vpce-1', service: 'ssm', addresses: ['10.0.0.9'] }],
  accessKeys: [{ accessKeyId: 'AKIAMALLORY12345', userName: 'mallory', active: true }],
  flowLogs: [],
  scheduledEvents: [],
  unread: []
}

const POLICY = { ...DEFAULT_CONTAINMENT_POLICY, mode: 'ssm' as const, accessKeyIds: ['AKIAMALLORY12345'], metadata: 'disable' as const, dnsFirewall: 'when-alone' as const }

const checksOf = (policy = POLICY): PermissionCheck[] => permissionChecks(planContainment(FACTS, AROUND, policy, [...RUNGS]), FACTS, AROUND, ROLE)
const resourcesOf = (checks: PermissionCheck[], name: string): string[] => checks.filter(({ action }) => action === name).map(({ resource }) => resource)

/** IAM that allows all but what `denied` names. */
function iam (denied: Record<string, object> = {}, more: Record<string, Answer> = {}) {
  return fakeClients({
    SimulatePrincipalPolicy: ({ ActionNames, ResourceArns }) => ({
      EvaluationResults: (ActionNames as string[]).map((EvalActionName) => ({
        EvalActionName,
        EvalDecision: EvalActionName in denied ? 'implicitDeny' : 'allowed',
        ResourceSpecificResults: (ResourceArns as string[]).map((EvalResourceName) => ({
          EvalResourceName, EvalResourceDecision: EvalActionName in denied ? 'implicitDeny' : 'allowed', ...denied[EvalActionName]
        }))
      }))
    }),
    ...more
  })
}

describe('the permissions that a plan needs', () => {
  it('are known for every kind of action: none is asked of everything or forgotten', () => {
    const needs: string[] = [...Object.values(KINDS).flatMap(({ needs }): readonly string[] => needs), ...(['replace', 'shrink', 'standby', 'suspend'] as const)
      .flatMap((autoScaling) => planContainment(FACTS, AROUND, { ...POLICY, autoScaling })).flatMap(({ needs }) => needs)]
    assert.deepEqual([...new Set(needs)].filter((need) => !canAsk(need)), [])
    assert.ok(checksOf().every(({ resource }) => resource.startsWith('arn:aws:')))
  })

  it('are asked for what each action changes', () => {
    const checks = checksOf()
    assert.deepEqual(resourcesOf(checks, 'ec2:ModifyNetworkInterfaceAttribute'), [
      'arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-1',
      'arn:aws:ec2:eu-central-1:123456789012:security-group/*',
      'arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-2'
    ])
    assert.deepEqual(resourcesOf(checks, 'iam:PutRolePolicy'), ['arn:aws:iam::123456789012:role/app/web'])
    assert.deepEqual(resourcesOf(checks, 'iam:UpdateAccessKey'), ['arn:aws:iam::123456789012:user/mallory'])
    assert.deepEqual(resourcesOf(checks, 'elasticloadbalancing:DeregisterTargets'), [AROUND.targets[0]!.targetGroupArn])
    assert.deepEqual(resourcesOf(checks, 'autoscaling:DetachInstances'), ['arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/web'])
    assert.deepEqual(resourcesOf(checks, 'ec2:DisassociateAddress'), [
      'arn:aws:ec2:eu-central-1:123456789012:elastic-ip/eipalloc-1', 'arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-1'
    ])
  })

  it('come with the context that the call will have, the Region always', () => {
    const checks = checksOf()
    assert.ok(checks.every(({ context }) => context['aws:RequestedRegion'] === 'eu-central-1'))
    const context = (name: string, type: string) => checks.find(({ action, resource }) => action === name && resource.includes(`:${type}/`))!.context
    assert.equal(context('ec2:CreateSecurityGroup', 'security-group')['aws:RequestTag/cleanroom:managed'], 'true')
    assert.equal(context('ec2:CreateTags', 'security-group')['ec2:CreateAction'], 'CreateSecurityGroup')
    assert.equal(context('ec2:CreateTags', 'network-acl')['ec2:CreateAction'], 'CreateNetworkAcl')
    assert.deepEqual(context('ec2:CreateTags', 'instance')['aws:TagKeys'], ['cleanroom:status', 'cleanroom:ticket', 'cleanroom:incident'])
    assert.equal(context('ec2:DeleteSecurityGroup', 'security-group')['aws:ResourceTag/cleanroom:managed'], 'true')
    // What the instance carries itself; its other tags are nobody's business.
    const instance = context('ec2:ModifyInstanceAttribute', 'instance')
    assert.deepEqual([instance['aws:ResourceTag/cleanroom:status'], instance['aws:ResourceTag/Name'], instance['aws:ResourceTag/cleanroom:managed']], ['quarantined', undefined, undefined])
  })

  it('name each permission once, with all that need it', () => {
    const checks = checksOf()
    assert.equal(new Set(checks.map(({ action, resource, context }) => JSON.stringify([action, resource, context]))).size, checks.length)
    const modify = checks.find(({ action }) => action === 'ec2:ModifyInstanceAttribute')!
    assert.deepEqual(modify.neededFor, ['protect-from-termination', 'protect-from-stop', 'stop-on-shutdown', 'keep-volumes', 'stop-instance'])
  })

  it('are asked in the partition of the role', () => {
    const checks = permissionChecks(planContainment(FACTS, AROUND, POLICY), FACTS, AROUND, ROLE.replace('arn:aws:', 'arn:aws-cn:'))
    assert.ok(resourcesOf(checks, 'ec2:ModifyInstanceAttribute')[0]!.startsWith('arn:aws-cn:ec2:'))
  })
})

describe('what a role lacks', () => {
  it('is nothing when IAM allows all, asked in as many calls for ten interfaces as for two', async () => {
    const { iam: client, sent } = iam()
    const checks = checksOf()
    assert.deepEqual(await findLacking(client, ROLE, checks), { checked: true, role: ROLE, lacking: [] })
    assert.ok(sent.length < checks.length, `${sent.length} calls for ${checks.length} permissions`)
    const ten = { ...FACTS, interfaces: Array.from({ length: 10 }, (_, n) => ({ ...FACTS.interfaces[1]!, interfaceId: `eni-${n}` })) }
    const forTen = iam()
    await findLacking(forTen.iam, ROLE, permissionChecks(planContainment(ten, AROUND, POLICY, [...RUNGS]), ten, AROUND, ROLE))
    assert.ok(forTen.sent.length <= sent.length)
    assert.ok(sent.every(({ name, input }) => name === 'SimulatePrincipalPolicy' && input.PolicySourceArn === ROLE))
    const asked = sent.flatMap(({ input }) => (input.ActionNames as string[]).flatMap((action) => (input.ResourceArns as string[]).map((resource) => `${action} ${resource}`)))
    assert.deepEqual([...new Set(checks.map(({ action, resource }) => `${action} ${resource}`))].filter((each) => !asked.includes(each)), [])
  })

  it('says lists and single values of the context as IAM wants them', async () => {
    const { iam: client, sent } = iam()
    await findLacking(client, ROLE, checksOf())
    const entries = sent.flatMap(({ input }) => input.ContextEntries as Array<{ ContextKeyName: string, ContextKeyType: string, ContextKeyValues: string[] }>)
    for (const { ContextKeyName, ContextKeyType, ContextKeyValues } of entries) {
      assert.equal(ContextKeyType, ContextKeyName === 'aws:TagKeys' ? 'stringList' : 'string', ContextKeyName)
      if (ContextKeyType === 'string') assert.equal(ContextKeyValues.length, 1)
    }
  })

  it('names the permission, the resource, what needs it, and whether it is denied or just not allowed', async () => {
    const { iam: client } = iam({
      'ec2:DisassociateIamInstanceProfile': { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false } },
      'iam:PutRolePolicy': { EvalResourceDecision: 'explicitDeny' },
      'ec2:StopInstances': { MissingContextValues: ['ec2:InstanceMarketType'] }
    })
    const found = await findLacking(client, ROLE, checksOf())
    assert.deepEqual(found.checked && found.lacking, [
      { action: 'ec2:DisassociateIamInstanceProfile', resource: 'arn:aws:ec2:eu-central-1:123456789012:instance/i-1', neededFor: ['remove-instance-profile'], decision: 'implicitDeny', because: 'the role\'s permissions boundary does not allow it' },
      { action: 'iam:PutRolePolicy', resource: 'arn:aws:iam::123456789012:role/app/web', neededFor: ['revoke-role-sessions'], decision: 'explicitDeny' },
      { action: 'ec2:StopInstances', resource: 'arn:aws:ec2:eu-central-1:123456789012:instance/i-1', neededFor: ['stop-instance'], decision: 'implicitDeny', because: 'not known here, and asked for by a policy: ec2:InstanceMarketType' }
    ])
  })

  it('names only the resource that is refused, of several', async () => {
    const { iam: client } = iam({}, {
      SimulatePrincipalPolicy: ({ ActionNames, ResourceArns }) => ({
        EvaluationResults: (ActionNames as string[]).map((EvalActionName) => ({
          EvalActionName,
          EvalDecision: 'implicitDeny',
          ResourceSpecificResults: (ResourceArns as string[]).map((EvalResourceName) => ({
            EvalResourceName, EvalResourceDecision: EvalResourceName.endsWith('/eni-2') ? 'implicitDeny' : 'allowed'
          }))
        }))
      })
    })
    const found = await findLacking(client, ROLE, checksOf())
    assert.deepEqual(found.checked && found.lacking.map(({ action, resource }) => [action, resource.split('/')[1]]), [['ec2:ModifyNetworkInterfaceAttribute', 'eni-2']])
  })

  it('counts what IAM did not answer as lacking', async () => {
    const { iam: client } = iam({}, { SimulatePrincipalPolicy: () => ({ EvaluationResults: [] }) })
    const checks = checksOf()
    const found = await findLacking(client, ROLE, checks)
    assert.equal(found.checked && found.lacking.length, checks.length)
  })

  it('reads every page', async () => {
    const { iam: client } = iam({}, {
      SimulatePrincipalPolicy: ({ ActionNames, ResourceArns, Marker }) => {
        const names = ActionNames as string[]
        const at = Number(Marker ?? 0)
        return {
          EvaluationResults: [{ EvalActionName: names[at], EvalDecision: 'allowed', ResourceSpecificResults: (ResourceArns as string[]).map((EvalResourceName) => ({ EvalResourceName, EvalResourceDecision: 'allowed' })) }],
          ...at + 1 < names.length ? { IsTruncated: true, Marker: String(at + 1) } : { IsTruncated: false }
        }
      }
    })
    assert.deepEqual(await findLacking(client, ROLE, checksOf()), { checked: true, role: ROLE, lacking: [] })
  })

  it('is asked for one action at a time where IAM refuses several together', async () => {
    const allowing = iam()
    const { iam: client, sent } = fakeClients({
      SimulatePrincipalPolicy: async (input) => {
        const names = input.ActionNames as string[]
        if (names.length > 1) throw awsError('InvalidInput', `Invalid Input Actions: [${names[0]!}] and [${names[1]!}] require different authorization information.`)
        return await allowing.iam.send({ constructor: { name: 'SimulatePrincipalPolicyCommand' }, input } as never)
      }
    })
    assert.deepEqual(await findLacking(client, ROLE, checksOf()), { checked: true, role: ROLE, lacking: [] })
    assert.ok(sent.some(({ input }) => (input.ActionNames as string[]).length > 1))
  })

  it('is not known, and says why, where IAM can\'t be asked', async () => {
    const refused = await findLacking(iam({}, { SimulatePrincipalPolicy: () => { throw awsError('AccessDenied', 'not authorized to perform: iam:SimulatePrincipalPolicy') } }).iam, ROLE, checksOf())
    assert.ok(!refused.checked)
    assert.match(refused.why, /iam:SimulatePrincipalPolicy/)
    const silent = await findLacking(iam({}, { SimulatePrincipalPolicy: async () => await new Promise(() => {}) }).iam, ROLE, checksOf(), 20)
    assert.ok(!silent.checked)
    assert.match(silent.why, /not answered/)
  })
})
