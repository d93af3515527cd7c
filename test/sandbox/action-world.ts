/**
 * A small AWS for tests of containment actions: the emulator alone, clients for it, and what an instance needs around it.
 *
 * One per test file; each test makes a network of its own, so that none sees another's.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import * as EC2 from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { IAMClient } from '@aws-sdk/client-iam'
import { ResolverClient } from '../../controller/aws/resolver-client.ts'
import type { ActionContext, ContainmentClients } from '../../controller/containment/actions/action.ts'
import { KINDS, type ActionKind, type PlannedAction } from '../../controller/containment/plan.ts'
import { startEmulator, type Emulator, type EmulatorOptions } from '../../sandbox/emulator-process.ts'

export const REGION = 'eu-central-1'
const CREDENTIALS = { accessKeyId: 'tester', secretAccessKey: 'tester' }

/** An entry of the emulator's log: one call that arrived, whether it was carried out or not. */
export interface LoggedCall { seq: number, start: number, end: number, service: string, action: string, status: number, error?: string, resource?: string }

/** A rule of the emulator's fault script. */
export interface FaultRule {
  service?: string,
  action?: string,
  rate?: number,
  times?: number,
  after?: number
  error?: { code: string, status?: number, message?: string }
  /** The call is held up for so long, then carried out, also when the caller is gone. */
  delayMs?: number
  [more: string]: unknown
}

export interface Network { vpcId: string, subnetId: string }
export interface Machine { instanceId: string, /** The primary first. */ interfaceIds: string[], privateIp: string }

export interface ActionWorld {
  endpoint: string
  emulator: Emulator
  clients: ContainmentClients
  /** Clients that give up sooner or later than those of the world. */
  clientsWith: (settings: ClientSettings) => ContainmentClients
  /** What an action on the instance is given; `more` adds to it or replaces. */
  context: (instanceId: string, more?: Partial<ActionContext>) => ActionContext
  /** The fault script from now on; without rules, none. */
  faults: (rules?: FaultRule[]) => Promise<void>
  /** The calls that arrive while `act` runs, in the order in which they were answered. */
  callsDuring: (act: () => Promise<unknown>) => Promise<LoggedCall[]>
  network: (options?: { cidr?: string, ipv6?: boolean }) => Promise<Network>
  subnet: (vpcId: string, cidr: string) => Promise<string>
  /** A group that lets SSH in, besides what a new one lets out. */
  securityGroup: (vpcId: string, name: string) => Promise<string>
  /** A running instance with one or more interfaces, all of them in the groups. */
  machine: (network: Network, options?: { groups?: string[], interfaces?: number, instanceProfile?: string }) => Promise<Machine>
  groupsOf: (interfaceId: string) => Promise<string[]>
  stop: () => Promise<void>
}

export interface ClientSettings { maxAttempts?: number, requestTimeoutMs?: number }

/** An incident id that no other test has. */
let incidents = 0
export const nextIncident = (): string => `inc-${++incidents}`

/** An action as the plan would have it. */
export function planned (kind: ActionKind, resource: string, parameters: Record<string, unknown> = {}, more: Partial<PlannedAction> = {}): PlannedAction {
  const { stage, needs } = KINDS[kind]
  return { kind, stage, resource, words: kind, parameters, needs: [...needs], ...more }
}

export async function startActionWorld (options: Omit<EmulatorOptions, 'stateDir'> = {}): Promise<ActionWorld> {
  const stateDir = await mkdtemp(join(tmpdir(), 'cleanroom-actions-'))
  const emulator = await startEmulator({ stateDir, ...options })
  const { endpoint } = emulator
  const made: ContainmentClients[] = []
  const clientsWith = (settings: ClientSettings): ContainmentClients => {
    const clients = clientsAt(endpoint, settings)
    made.push(clients)
    return clients
  }
  const clients = clientsWith({})
  const { ec2 } = clients
  let image: Promise<string> | undefined
  return {
    endpoint,
    emulator,
    clients,
    clientsWith,
    context: (instanceId, more = {}) => ({ clients, incidentId: nextIncident(), instanceId, ticket: 'SEC-1', ...more }),
    faults: async (rules = []) => {
      const answer = await fetch(`${endpoint}/_sandbox/faults`, { method: 'PUT', body: JSON.stringify(rules) })
      if (!answer.ok) throw new Error(await answer.text())
    },
    callsDuring: async (act) => {
      const before = (await callsAt(endpoint)).at(-1)?.seq ?? 0
      await act()
      return await callsAt(endpoint, before)
    },
    network: async (options) => await makeNetwork(ec2, options),
    subnet: async (vpcId, cidr) => await makeSubnet(ec2, vpcId, cidr),
    securityGroup: async (vpcId, name) => await makeGroup(ec2, vpcId, name),
    machine: async (network, options) => await makeMachine(ec2, await (image ??= makeImage(ec2)), network, options),
    groupsOf: async (interfaceId) => {
      const answer = await ec2.send(new EC2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [interfaceId] }))
      return answer.NetworkInterfaces![0]!.Groups!.map(({ GroupId }) => GroupId!).sort()
    },
    stop: async () => {
      for (const { resolver: _, ...sdk } of made) Object.values(sdk).forEach((client) => { client.destroy() })
      await emulator.stop()
      await rm(stateDir, { recursive: true, force: true })
    }
  }
}

function clientsAt (endpoint: string, { maxAttempts = 3, requestTimeoutMs = 20_000 }: ClientSettings): ContainmentClients {
  const client = {
    region: REGION,
    endpoint,
    credentials: CREDENTIALS,
    maxAttempts,
    requestHandler: { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true }
  }
  return {
    ec2: new EC2.EC2Client(client),
    autoScaling: new AutoScalingClient(client),
    elb: new ElasticLoadBalancingClient(client),
    elbv2: new ElasticLoadBalancingV2Client(client),
    iam: new IAMClient(client),
    resolver: new ResolverClient({ region: REGION, endpoint, credentials: CREDENTIALS, maxAttempts, requestTimeoutMs })
  }
}

async function callsAt (endpoint: string, since = 0): Promise<LoggedCall[]> {
  const answer = await fetch(`${endpoint}/_sandbox/calls?since=${since}`)
  const calls = await answer.json() as LoggedCall[] | Record<string, never>
  return Array.isArray(calls) ? calls : []
}

async function makeImage (ec2: EC2.EC2Client): Promise<string> {
  const image = await ec2.send(new EC2.RegisterImageCommand({
    Name: 'server',
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1, DeleteOnTermination: true } }]
  }))
  return image.ImageId!
}

async function makeNetwork (ec2: EC2.EC2Client, { cidr = '10.30.0.0/16', ipv6 = false } = {}): Promise<Network> {
  const { Vpc } = await ec2.send(new EC2.CreateVpcCommand({ CidrBlock: cidr, AmazonProvidedIpv6CidrBlock: ipv6 }))
  const vpcId = Vpc!.VpcId!
  return { vpcId, subnetId: await makeSubnet(ec2, vpcId, cidr.replace(/\d+\.\d+\/16$/, '1.0/24')) }
}

async function makeSubnet (ec2: EC2.EC2Client, vpcId: string, cidr: string): Promise<string> {
  const { Subnet } = await ec2.send(new EC2.CreateSubnetCommand({ VpcId: vpcId, CidrBlock: cidr, AvailabilityZone: `${REGION}a` }))
  return Subnet!.SubnetId!
}

async function makeGroup (ec2: EC2.EC2Client, vpcId: string, name: string): Promise<string> {
  const { GroupId } = await ec2.send(new EC2.CreateSecurityGroupCommand({ VpcId: vpcId, GroupName: name, Description: name }))
  await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({
    GroupId, IpPermissions: [{ IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }]
  }))
  return GroupId!
}

async function makeMachine (
  ec2: EC2.EC2Client, imageId: string, { vpcId, subnetId }: Network,
  { groups, interfaces = 1, instanceProfile }: { groups?: string[], interfaces?: number, instanceProfile?: string } = {}
): Promise<Machine> {
  const Groups = groups ?? [await makeGroup(ec2, vpcId, `app-${Math.random().toString(36).slice(2)}`)]
  const started = await ec2.send(new EC2.RunInstancesCommand({
    ImageId: imageId,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    SubnetId: subnetId,
    SecurityGroupIds: Groups,
    ...instanceProfile !== undefined && { IamInstanceProfile: { Name: instanceProfile } }
  }))
  const { InstanceId, NetworkInterfaces, PrivateIpAddress } = started.Instances![0]!
  await EC2.waitUntilInstanceRunning({ client: ec2, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { InstanceIds: [InstanceId!] })
  const interfaceIds = [NetworkInterfaces![0]!.NetworkInterfaceId!]
  for (let DeviceIndex = 1; DeviceIndex < interfaces; DeviceIndex++) {
    const created = await ec2.send(new EC2.CreateNetworkInterfaceCommand({ SubnetId: subnetId, Groups }))
    const NetworkInterfaceId = created.NetworkInterface!.NetworkInterfaceId!
    await ec2.send(new EC2.AttachNetworkInterfaceCommand({ NetworkInterfaceId, InstanceId: InstanceId!, DeviceIndex }))
    interfaceIds.push(NetworkInterfaceId)
  }
  return { instanceId: InstanceId!, interfaceIds, privateIp: PrivateIpAddress! }
}
