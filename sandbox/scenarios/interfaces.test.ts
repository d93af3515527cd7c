import { strict as assert } from 'node:assert'
import { groupsOf, interfacesOf, subnetsOf } from './interfaces.ts'
import type { ScenarioInstance } from './scenario-file.ts'

const instance = (more: Partial<ScenarioInstance>): ScenarioInstance => ({
  name: 'web1', type: 'm5.large', volumes: [{ device: '/dev/xvda', sizeMiB: 16, filesystem: 'ext4', tree: 'disks/root' }], ...more
})

describe('interfaces of a scenario', () => {
  it('are as many as it says, in the machine\'s groups, the Elastic IP on the first', () => {
    assert.deepEqual(interfacesOf(instance({ interfaces: 2, securityGroup: 'web', elasticIp: true })), [
      { securityGroups: ['web'], subnet: 'a', ipv6: false, elasticIp: true },
      { securityGroups: ['web'], subnet: 'a', ipv6: false, elasticIp: false }
    ])
    assert.deepEqual(interfacesOf(instance({})).map(({ securityGroups }) => securityGroups), [['app']])
    assert.deepEqual(interfacesOf(instance({ autoScalingGroup: 'web' })).map(({ securityGroups }) => securityGroups), [['web']])
  })

  it('each have what they say and else what the machine says', () => {
    assert.deepEqual(interfacesOf(instance({ securityGroups: ['api', 'base'], elasticIp: true, interfaces: [{ ipv6: true }, { securityGroups: ['storage'], subnet: 'c', elasticIp: true }] })), [
      { securityGroups: ['api', 'base'], subnet: 'a', ipv6: true, elasticIp: true },
      { securityGroups: ['storage'], subnet: 'c', ipv6: false, elasticIp: true }
    ])
  })

  it('are in subnets that are made, and so are those of load balancers', () => {
    assert.deepEqual(subnetsOf({ instances: [instance({})] }), ['a', 'b'])
    assert.deepEqual(subnetsOf({ instances: [instance({ interfaces: [{ subnet: 'd' }] })] }), ['a', 'b', 'd'])
  })
})

describe('security groups of a scenario', () => {
  it('that it only names serve the web to everybody and administration to the bastion alone', () => {
    const groups = groupsOf({ instances: [instance({ securityGroup: 'web' })] })
    assert.deepEqual(groups.map(({ name }) => name), ['bastion', 'web'])
    assert.deepEqual(groups[1]!.ingress, [{ port: 80, from: 'anywhere' }, { port: 443, from: 'anywhere' }, { port: 22, from: 'bastion' }])
    assert.ok(groups[0]!.ingress.every(({ from }) => from !== 'anywhere'))
  })

  it('are as it says where it does', () => {
    const own = { name: 'web', ingress: [{ port: 8443, from: 'web' }] }
    assert.deepEqual(groupsOf({ securityGroups: [own], instances: [instance({ securityGroup: 'web' })] })[1], own)
  })
})
