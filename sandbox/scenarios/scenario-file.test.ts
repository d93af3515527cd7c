import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { volumeImage } from './machines.ts'
import { InvalidScenario, readScenario } from './scenario-file.ts'

describe('scenario files', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cleanroom-scenario-'))
    mkdirSync(join(directory, 'disks', 'root'), { recursive: true })
  })

  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const violationsOf = (text: string): string[] => {
    writeFileSync(join(directory, 'scenario.yaml'), text)
    try {
      readScenario(directory)
    } catch (error) {
      assert.ok(error instanceof InvalidScenario)
      return error.violations
    }
    return []
  }
  const volume = '{ device: /dev/xvda, sizeMiB: 64, filesystem: ext4, tree: disks/root, encryption: none }'

  it('of the contract\'s own form are accepted', () => {
    assert.deepEqual(violationsOf(`
name: small
instances:
  - name: web1
    type: m5.large
    interfaces: 2
    autoScalingGroup: web
    targetGroup: web
    classicLoadBalancer: web
    elasticIp: true
    instanceProfile: web-role
    ssmAgent: online
    volumes:
      - ${volume}
`), [])
  })

  it('may say of each interface, group and target group what it is', () => {
    assert.deepEqual(violationsOf(`
name: small
securityGroups:
  - { name: peers, ingress: [{ port: 7946, from: peers }, { port: 53, from: 10.20.0.0/16 }, { port: 443, from: anywhere }, { port: 22, from: '2001:db8::/32' }] }
instances:
  - name: api1
    type: m5.large
    interfaces:
      - { securityGroups: [peers, base], ipv6: true }
      - { subnet: c, elasticIp: true }
      - {}
    securityGroups: [api, base]
    targetGroup: [api, api-admin]
    volumes:
      - ${volume}
`), [])
  })

  it('are refused for interfaces in two zones, for more groups than EC2 allows, for rules from nowhere', () => {
    assert.deepEqual(violationsOf(`
name: small
securityGroups:
  - { name: peers, ingress: [{ port: 7946, from: pears }] }
  - { name: peers, ingress: [] }
instances:
  - { name: web1, type: m5.large, interfaces: [{}, { subnet: b }], securityGroup: web, securityGroups: [web], volumes: [${volume}] }
`), [
      'securityGroups[0].ingress[0].from: there is no security group "pears"',
      'securityGroups[1].name: "peers" is taken',
      'instances[0].securityGroup: is there with securityGroups; one of them says enough',
      'instances[0].interfaces: subnet b is in another zone than the others'
    ])
    assert.deepEqual(violationsOf(`
name: small
instances:
  - { name: web1, type: m5.large, interfaces: [{ securityGroups: [a, b, c, d, e, f] }, { ipv4: true }], volumes: [${volume}] }
`), [
      'instances[0].interfaces[0].securityGroups: must not have more than 5 items',
      'instances[0].interfaces[1].ipv4: unknown key'
    ])
  })

  it('are refused with every violation and its place at once', () => {
    assert.deepEqual(violationsOf(`
name: small
colour: red
instances:
  - name: web1
    type: m5.large
    interfaces: 0
    volumes:
      - { device: /dev/xvda, sizeMiB: 64, filesystem: zfs, tree: disks/root, encryption: none, sise: 3 }
`).sort(), [
      'colour: unknown key',
      'instances[0].interfaces: must be >= 1',
      'instances[0].volumes[0].filesystem: must be one of ext4, ext3, ext2',
      'instances[0].volumes[0].sise: unknown key'
    ])
  })

  it('may not use a name or a device twice, a tree that is not there, or anything outside their directory', () => {
    assert.deepEqual(violationsOf(`
name: small
instances:
  - { name: web1, type: m5.large, volumes: [${volume}, ${volume}] }
  - { name: web1, type: m5.large, volumes: [{ device: /dev/xvda, sizeMiB: 64, filesystem: ext4, tree: gone, encryption: none }] }
  - { name: web3, type: m5.large, volumes: [{ device: /dev/xvda, sizeMiB: 64, filesystem: ext4, tree: ../other, encryption: none }] }
expect:
  - { instance: web9, device: /dev/xvda, rule: web-shell, path: /x }
`), [
      'instances[0].volumes[1].device: /dev/xvda is taken',
      'instances[1].name: "web1" is taken',
      'instances[1].volumes[0].tree: there is no directory "gone"',
      'instances[2].volumes[0].tree: "../other" is not below the scenario\'s directory',
      'expect[0].instance: there is no instance "web9"'
    ])
  })

  it('that are no YAML, or not there, say so', () => {
    assert.match(violationsOf('name: [').join(), /./)
    assert.throws(() => readScenario(join(directory, 'nowhere')), /does not exist/)
  })
})

for (const { name, disks } of [{ name: 'web-shell', disks: 5 }, { name: 'entangled', disks: 4 }]) {
  describe(`the ${name} scenario`, () => {
    it('is valid and its disks can be made', async () => {
      const directory = fileURLToPath(new URL(name, import.meta.url))
      const cache = mkdtempSync(join(tmpdir(), 'cleanroom-disks-'))
      try {
        const images = new Set<string>()
        for (const { volumes } of readScenario(directory).instances) {
          for (const volume of volumes) images.add(await volumeImage(directory, volume, cache))
        }
        assert.equal(images.size, disks)
      } finally {
        rmSync(cache, { recursive: true, force: true })
      }
    })
  })
}
