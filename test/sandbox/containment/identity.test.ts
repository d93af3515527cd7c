import assert from 'node:assert/strict'
import * as EC2 from '@aws-sdk/client-ec2'
import * as IAM from '@aws-sdk/client-iam'
import { fromAws } from '../../../controller/aws/aws-errors.ts'
import { deactivateAccessKey } from '../../../controller/containment/actions/access-keys.ts'
import { removeInstanceProfile } from '../../../controller/containment/actions/instance-profile.ts'
import { revokeRoleSessions, sessionPolicy, sessionPolicyName } from '../../../controller/containment/actions/role-sessions.ts'
import { planned, startActionWorld, type ActionWorld, type FaultRule, type Network } from '../action-world.ts'
import { deleteInstanceProfile, instanceProfile, Rehearsal, role, unique, type Role } from '../fleet-fixtures.ts'

/** Each of the changes takes effect, and the client is told of an error of the server. */
const lost = (...actions: string[]): FaultRule[] => actions.map((action) => ({ action, when: 'after', times: 1, error: { code: 'ServiceUnavailable', status: 503 } }))

describe('What the instance may do in AWS', function () {
  this.timeout(60_000)

  let world: ActionWorld
  let ec2: EC2.EC2Client
  let iam: IAM.IAMClient
  let network: Network
  before(async () => {
    world = await startActionWorld()
    ;({ ec2, iam } = world.clients)
    network = await world.network()
  })
  after(async () => { await world?.stop() })
  afterEach(async () => { await world.faults() })

  describe('remove-instance-profile', () => {
    let own: Role
    let instanceId: string
    beforeEach(async () => {
      own = await role(world)
      ;({ instanceId } = await world.machine(network, { instanceProfile: own.profileName }))
    })
    const remove = (): Rehearsal => new Rehearsal(removeInstanceProfile, world.context(instanceId), planned('remove-instance-profile', instanceId))
    const associated = async (id = instanceId): Promise<string[]> => {
      const answer = await ec2.send(new EC2.DescribeIamInstanceProfileAssociationsCommand({ Filters: [{ Name: 'instance-id', Values: [id] }] }))
      return answer.IamInstanceProfileAssociations!.filter(({ State }) => State === 'associated').map(({ IamInstanceProfile }) => IamInstanceProfile!.Arn!)
    }
    const associate = async (Name: string): Promise<void> => {
      await ec2.send(new EC2.AssociateIamInstanceProfileCommand({ InstanceId: instanceId, IamInstanceProfile: { Name } }))
    }

    it('takes it from the instance and not from a neighbour, and gives the same one back', async () => {
      const neighbour = await world.machine(network, { instanceProfile: own.profileName })
      const rehearsal = remove()
      assert.deepEqual(await rehearsal.apply(), { instanceProfileArn: null, instanceProfileId: null })
      assert.equal(rehearsal.before.instanceProfileArn, own.profileArn)
      assert.deepEqual(await rehearsal.repeat(), rehearsal.after)
      assert.deepEqual([await associated(), await associated(neighbour.instanceId)], [[], [own.profileArn]])
      await rehearsal.undoWhole()
      assert.deepEqual(await associated(), [own.profileArn])
    })

    it('takes one that somebody gave it since triage', async () => {
      const rehearsal = remove()
      await rehearsal.apply()
      const other = await role(world)
      await associate(other.profileName)
      assert.deepEqual(await rehearsal.repeat(), { instanceProfileArn: null, instanceProfileId: null })
      await rehearsal.undoWhole()
    })

    it('is done once when AWS\'s answers are lost and the calls sent again', async () => {
      const rehearsal = remove()
      await world.faults(lost('DisassociateIamInstanceProfile'))
      await rehearsal.apply()
      await world.faults(lost('AssociateIamInstanceProfile'))
      // The repeated call finds the profile associated, which passes for a while: the step is tried again.
      await rehearsal.undo().catch((error: unknown) => { assert.equal(fromAws(error, '').code, 'AWS_BUSY') })
      await rehearsal.undoWhole()
    })

    it('has nothing to do without one, and gives none', async () => {
      ({ instanceId } = await world.machine(network))
      const rehearsal = remove()
      await rehearsal.apply()
      assert.deepEqual(rehearsal.before, rehearsal.after)
      await rehearsal.undoWhole()
    })

    it('leaves alone another one that somebody gave it after containment', async () => {
      const rehearsal = remove()
      await rehearsal.apply()
      const other = await role(world)
      await associate(other.profileName)
      const { restored, note } = await rehearsal.undo()
      assert.deepEqual([restored, note], [false, `Somebody gave the instance ${other.profileArn}; it was left alone.`])
      assert.deepEqual(await associated(), [other.profileArn])
    })

    it('ends in a note when the profile was deleted', async () => {
      const rehearsal = remove()
      await rehearsal.apply()
      await deleteInstanceProfile(iam, own.profileName, own.roleName)
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /was deleted. Give the instance another one/)
    })

    it('does not give powers of a profile that was made again under the same name', async () => {
      const rehearsal = remove()
      await rehearsal.apply()
      await deleteInstanceProfile(iam, own.profileName, own.roleName)
      const stronger = await role(world)
      await instanceProfile(iam, own.profileName, stronger.roleName)
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /made again/)
      assert.deepEqual(await associated(), [])
    })

    it('ends in a note when the instance is gone', async () => {
      const rehearsal = remove()
      await rehearsal.apply()
      await ec2.send(new EC2.TerminateInstancesCommand({ InstanceIds: [instanceId] }))
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /terminated/)
    })
  })

  describe('revoke-role-sessions', () => {
    let own: Role
    const instanceId = 'i-0123456789abcdef0'
    beforeEach(async () => { own = await role(world) })
    const revoke = (scope: 'instance' | 'role' = 'instance', context = world.context(instanceId)): Rehearsal =>
      new Rehearsal(revokeRoleSessions, context, planned('revoke-role-sessions', own.roleName, { roleId: own.roleId, scope }))
    const documentOf = async (PolicyName: string): Promise<unknown> => {
      const { PolicyDocument } = await iam.send(new IAM.GetRolePolicyCommand({ RoleName: own.roleName, PolicyName }))
      return JSON.parse(decodeURIComponent(PolicyDocument!))
    }
    const policies = async (): Promise<string[]> => (await iam.send(new IAM.ListRolePoliciesCommand({ RoleName: own.roleName }))).PolicyNames!

    it('denies the instance\'s own sessions of before now, and nothing is left of it after release', async () => {
      const rehearsal = revoke()
      const [from, , to] = [new Date().toISOString(), await rehearsal.apply(), new Date().toISOString()]
      const policyName = sessionPolicyName(rehearsal.context)
      const revokedBefore = rehearsal.after.revokedBefore as string
      assert.deepEqual(rehearsal.after, { policyName, revokedBefore, scope: 'instance' })
      assert.ok(from <= revokedBefore && revokedBefore <= to, `${from} ${revokedBefore} ${to}`)
      assert.deepEqual(await documentOf(policyName), sessionPolicy({ scope: 'instance', revokedBefore, roleId: own.roleId, instanceId }))
      await rehearsal.undoWhole()
      assert.deepEqual(await policies(), [])
    })

    it('keeps its time when it is done again', async () => {
      const rehearsal = revoke()
      const first = await rehearsal.apply()
      const calls = await world.callsDuring(async () => { assert.deepEqual(await rehearsal.repeat(), first) })
      assert.deepEqual(calls.map(({ action }) => action), ['GetRolePolicy'])
    })

    it('denies the sessions of later too when it is done again later, and is still taken back', async () => {
      const rehearsal = revoke()
      await rehearsal.apply()
      const hourAgo = new Date(Date.now() - 3_600_000).toISOString()
      await iam.send(new IAM.PutRolePolicyCommand({
        RoleName: own.roleName,
        PolicyName: sessionPolicyName(rehearsal.context),
        PolicyDocument: JSON.stringify(sessionPolicy({ scope: 'instance', revokedBefore: hourAgo, roleId: own.roleId, instanceId }))
      }))
      const from = new Date().toISOString()
      assert.ok(String((await rehearsal.repeat()).revokedBefore) >= from)
      await rehearsal.undoWhole()
      assert.deepEqual(await policies(), [])
    })

    it('is widened to the whole role, with a new time, and is not narrowed again', async () => {
      const narrow = revoke()
      const first = await narrow.apply()
      const wide = revoke('role', narrow.context)
      const second = await wide.apply()
      assert.deepEqual(wide.before, first)
      assert.equal(second.scope, 'role')
      assert.ok(String(second.revokedBefore) >= String(first.revokedBefore))
      assert.deepEqual(await narrow.repeat(), second)
      assert.deepEqual(await policies(), [sessionPolicyName(narrow.context)])
      const { restored } = await wide.undo()
      assert.deepEqual([restored, await policies()], [true, []])
    })

    it('is done once when AWS\'s answers are lost and the calls sent again', async () => {
      const rehearsal = revoke()
      await world.faults(lost('PutRolePolicy', 'DeleteRolePolicy'))
      await rehearsal.apply()
      assert.deepEqual(await rehearsal.repeat(), rehearsal.after)
      await rehearsal.undoWhole()
    })

    it('leaves other policies of the role alone, another incident\'s too', async () => {
      await iam.send(new IAM.PutRolePolicyCommand({ RoleName: own.roleName, PolicyName: 'application', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] }) }))
      const [one, two] = [revoke(), revoke()]
      await one.apply()
      await two.apply()
      await one.undoWhole()
      assert.deepEqual((await policies()).sort(), ['application', sessionPolicyName(two.context)])
    })

    it('is put right again when somebody weakened it, but release leaves a changed one alone', async () => {
      const rehearsal = revoke()
      await rehearsal.apply()
      const PolicyName = sessionPolicyName(rehearsal.context)
      const weaken = async (): Promise<void> => {
        await iam.send(new IAM.PutRolePolicyCommand({ RoleName: own.roleName, PolicyName, PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 's3:DeleteBucket', Resource: '*' }] }) }))
      }
      await weaken()
      assert.deepEqual(await rehearsal.observe(), { policyName: PolicyName, revokedBefore: null, scope: null })
      assert.equal((await rehearsal.repeat()).scope, 'instance')
      await weaken()
      const { restored, note } = await rehearsal.undo()
      assert.equal(restored, false)
      assert.match(note!, /Somebody changed the policy/)
      assert.deepEqual(await policies(), [PolicyName])
    })

    it('takes a role that is gone for revoked, and says so at release', async () => {
      const rehearsal = revoke()
      await rehearsal.apply()
      const PolicyName = sessionPolicyName(rehearsal.context)
      await iam.send(new IAM.DeleteRolePolicyCommand({ RoleName: own.roleName, PolicyName }))
      await deleteInstanceProfile(iam, own.profileName, own.roleName)
      await iam.send(new IAM.DeleteRoleCommand({ RoleName: own.roleName }))
      assert.deepEqual(await rehearsal.repeat(), { policyName: null, revokedBefore: null, scope: null })
      assert.deepEqual((await rehearsal.undo()).note, `The role ${own.roleName} was deleted.`)
    })

    it('says what to do about a role that only AWS can change, and about one that is full', async () => {
      const { Role } = await iam.send(new IAM.CreateServiceLinkedRoleCommand({ AWSServiceName: 'autoscaling.amazonaws.com' }))
      own = { ...own, roleName: Role!.RoleName!, roleId: Role!.RoleId! }
      await assert.rejects(revoke().apply(), { code: 'AWS_ERROR', message: /belongs to an AWS service.*take the instance profile away/ })
      await world.faults([{ action: 'PutRolePolicy', error: { code: 'LimitExceeded', status: 409 } }])
      await assert.rejects(revoke().apply(), { code: 'AWS_ERROR', message: /no room left/ })
    })
  })

  describe('deactivate-access-key', () => {
    let userName: string
    let keyId: string
    beforeEach(async () => {
      userName = unique('deploy')
      await iam.send(new IAM.CreateUserCommand({ UserName: userName }))
      keyId = (await iam.send(new IAM.CreateAccessKeyCommand({ UserName: userName }))).AccessKey!.AccessKeyId!
    })
    const deactivate = (parameters: Record<string, unknown> = { userName }): Rehearsal =>
      new Rehearsal(deactivateAccessKey, world.context('i-1'), planned('deactivate-access-key', keyId, parameters))
    const keys = async (): Promise<Record<string, string>> => {
      const { AccessKeyMetadata } = await iam.send(new IAM.ListAccessKeysCommand({ UserName: userName }))
      return Object.fromEntries(AccessKeyMetadata!.map(({ AccessKeyId, Status }) => [AccessKeyId!, Status!]))
    }

    it('makes that key useless and not the user\'s other one, and good again', async () => {
      const other = (await iam.send(new IAM.CreateAccessKeyCommand({ UserName: userName }))).AccessKey!.AccessKeyId!
      const rehearsal = deactivate()
      assert.deepEqual(await rehearsal.apply(), { status: 'Inactive' })
      assert.deepEqual(await rehearsal.repeat(), { status: 'Inactive' })
      assert.deepEqual(await keys(), { [keyId]: 'Inactive', [other]: 'Active' })
      await rehearsal.undoWhole()
      assert.deepEqual(await keys(), { [keyId]: 'Active', [other]: 'Active' })
    })

    it('finds out itself whose key it is', async () => {
      const rehearsal = deactivate({})
      assert.deepEqual(await rehearsal.apply(), { status: 'Inactive' })
      await rehearsal.undoWhole()
    })

    it('does not make good a key that was useless before', async () => {
      await iam.send(new IAM.UpdateAccessKeyCommand({ UserName: userName, AccessKeyId: keyId, Status: 'Inactive' }))
      const rehearsal = deactivate()
      await rehearsal.apply()
      await rehearsal.undoWhole()
      assert.deepEqual(await keys(), { [keyId]: 'Inactive' })
    })

    it('takes a deleted key for done, and says so at release', async () => {
      const rehearsal = deactivate()
      await rehearsal.apply()
      await iam.send(new IAM.DeleteAccessKeyCommand({ UserName: userName, AccessKeyId: keyId }))
      assert.deepEqual(await rehearsal.repeat(), { status: null })
      assert.deepEqual(await rehearsal.undo(), { now: { status: null }, restored: false, note: 'The access key was deleted; its user needs a new one.' })
      await iam.send(new IAM.DeleteUserCommand({ UserName: userName }))
      assert.equal((await rehearsal.undo()).restored, false)
    })

    it('is refused for a key of nobody in the account', async () => {
      keyId = 'AKIAIOSFODNN7EXAMPLE'
      await assert.rejects(deactivate({}).apply(), { name: /AccessDenied/ })
    })
  })
})
