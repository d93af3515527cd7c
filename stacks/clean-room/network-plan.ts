/**
 * The room's network as data: which addresses, which subnets, which endpoints with which policy.
 *
 * Pure. The stack builds what stands here and the isolation proof compares AWS with it. There is no
 * place for a gateway in a plan: what is not planned can't be built.
 */
import {
  AGENT_ACTIONS, agentEndpointPolicy, evidenceEndpointPolicy, type InterfaceService, type PolicyDocument
} from './permissions.ts'
import type { CleanRoomInput, RoomIdentity } from './room-input.ts'

export interface PlannedSubnet {
  name: string
  cidr: string
  /** Absent: AWS chooses. */
  availabilityZone?: string
}

export interface PlannedEndpoint {
  /** Short name, for example `ssm`. */
  service: string
  serviceName: string
  type: 'Interface' | 'Gateway'
  policy: PolicyDocument
}

export interface NetworkPlan {
  cidr: string
  subnets: PlannedSubnet[]
  endpoints: PlannedEndpoint[]
}

/** Amazon VPC User Guide, "VPC CIDR blocks" and "Subnet CIDR blocks": /16 to /28 for both. */
const LARGEST = 16
const SMALLEST = 28
const PRIVATE_RANGES = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']

/** @throws RangeError when the address range is not one that a room may have */
export function planNetwork (input: CleanRoomInput): NetworkPlan {
  return {
    cidr: input.cidr,
    subnets: planSubnets(input.cidr, [input.availabilityZone]),
    endpoints: planEndpoints(input)
  }
}

/** What the workstation can reach, and nothing else: its agent's services and this incident's evidence. */
export function planEndpoints (room: RoomIdentity): PlannedEndpoint[] {
  const serviceName = (service: string) => `com.amazonaws.${room.baseline.region}.${service}`
  return [
    ...(Object.keys(AGENT_ACTIONS) as InterfaceService[]).map((service): PlannedEndpoint => ({
      service, serviceName: serviceName(service), type: 'Interface', policy: agentEndpointPolicy(room, service)
    })),
    { service: 's3', serviceName: serviceName('s3'), type: 'Gateway', policy: evidenceEndpointPolicy(room) }
  ]
}

/**
 * One subnet per zone, all the same size, side by side from the start of the range.
 * @throws RangeError when the range is not private, not aligned, or too small for so many
 */
export function planSubnets (cidr: string, zones: Array<string | undefined>): PlannedSubnet[] {
  const { base, length } = parseCidr(cidr)
  const bits = Math.ceil(Math.log2(Math.max(zones.length, 1)))
  if (length < LARGEST || length > SMALLEST) throw new RangeError(`${cidr}: a VPC is /${LARGEST} to /${SMALLEST}`)
  if (!PRIVATE_RANGES.some(range => contains(range, cidr))) throw new RangeError(`${cidr}: not a private range (RFC 1918)`)
  if (length + bits > SMALLEST) throw new RangeError(`${cidr}: too small for ${zones.length} subnets`)
  const size = 2 ** (32 - length - bits)
  return zones.map((availabilityZone, index) => ({
    name: `isolated-${index + 1}`,
    cidr: `${dotted(base + index * size)}/${length + bits}`,
    ...availabilityZone !== undefined && { availabilityZone }
  }))
}

/** Whether every address of `inner` is one of `outer`. @throws RangeError on anything but an aligned IPv4 range */
export function contains (outer: string, inner: string): boolean {
  const [a, b] = [parseCidr(outer), parseCidr(inner)]
  return b.length >= a.length && b.base >= a.base && b.base < a.base + 2 ** (32 - a.length)
}

/** `base` is the first address as an unsigned number. */
function parseCidr (cidr: string): { base: number, length: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr)
  const numbers = match?.slice(1).map(Number) ?? []
  const [length, octets] = [numbers[4] ?? 33, numbers.slice(0, 4)]
  if (length > 32 || octets.some(octet => octet > 255)) throw new RangeError(`${cidr}: not an IPv4 range`)
  const base = octets.reduce((sum, octet) => sum * 256 + octet, 0)
  if (base % 2 ** (32 - length) !== 0) throw new RangeError(`${cidr}: not the first address of a /${length}`)
  return { base, length }
}

function dotted (address: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
}
