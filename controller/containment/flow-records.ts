/**
 * What VPC flow log records say about an interface after it was cut off. Pure.
 *
 * Three things in the records call for care (Amazon VPC User Guide, "Flow log records"):
 * - A record sums up a whole aggregation interval. One that began before the cut-off holds packets of before it, so
 *   it proves nothing; and one that tells of refusals alone says nothing of a connection whose record of the same
 *   interval began earlier. What counts is an interval that began after the cut-off.
 * - A packet may be recorded up to 60 seconds after it went over the interface.
 * - `NODATA` stands for an interval without any traffic; `SKIPDATA` for one in which records were lost, so that
 *   nothing is known of it.
 */

export interface FlowRecord {
  interfaceId?: string
  status: 'OK' | 'NODATA' | 'SKIPDATA' | 'unknown'
  action?: 'ACCEPT' | 'REJECT'
  /** Unix time in seconds: the first and the last packet, or the interval of NODATA and SKIPDATA. */
  start: number
  end: number
  source?: string
  destination?: string
  sourcePort?: number
  destinationPort?: number
  /** IANA's number. */
  protocol?: number
  bytes?: number
  /** Unix time in seconds at which CloudWatch Logs received the record. */
  received: number
}

/** A log event with the stream that it stands in; times are Unix time in milliseconds. */
export interface FlowEvent { message: string, timestamp: number, received: number, stream: string }

/** Seconds that a packet may be recorded too late. */
export const RECORDING_LAG_S = 60

/**
 * Seconds after which the records of one interval count as complete: they are delivered in no order that AWS promises.
 */
const DELIVERY_S = 60

/** The names in a flow log's format, in order: `${version} ${account-id} …`. */
export function fieldsOf (format: string): string[] {
  return format.trim().split(/\s+/).map((field) => field.replace(/^\$\{(.*)\}$/, '$1'))
}

const ACTIONS: readonly unknown[] = ['ACCEPT', 'REJECT']
const STATUSES: readonly unknown[] = ['OK', 'NODATA', 'SKIPDATA']

/**
 * A record in any of these formats, or undefined: flow logs that publish to one log group share its streams
 * (Amazon VPC User Guide, "Publish flow logs to CloudWatch Logs"), whatever formats they have. What the format
 * leaves out is taken from the event: its time is the record's start, its stream is named after the interface.
 */
export function parseRecord ({ message, timestamp, received, stream }: FlowEvent, formats: string[][]): FlowRecord | undefined {
  const values = message.trim().split(/\s+/)
  for (const fields of formats) {
    if (fields.length !== values.length) continue
    const value = (field: string): string | undefined => {
      const found = values[fields.indexOf(field)]
      return found === '-' ? undefined : found
    }
    const number = (field: string): number | undefined => {
      const found = value(field)
      return found === undefined ? undefined : Number(found)
    }
    const [streamed, suffix] = [/^eni-[0-9a-f]+/.exec(stream)?.[0], /-(accept|reject)$/.exec(stream)?.[1]?.toUpperCase()]
    const interfaceId = value('interface-id') ?? streamed
    const action = value('action') ?? (fields.includes('action') ? undefined : suffix)
    const status = value('log-status') ?? (fields.includes('log-status') || action === undefined ? 'unknown' : 'OK')
    const start = number('start') ?? timestamp / 1000
    const record = {
      interfaceId,
      status,
      action,
      start,
      end: number('end') ?? start,
      source: value('pkt-srcaddr') ?? value('srcaddr'),
      destination: value('pkt-dstaddr') ?? value('dstaddr'),
      sourcePort: number('srcport'),
      destinationPort: number('dstport'),
      protocol: number('protocol'),
      bytes: number('bytes'),
      received: received / 1000
    }
    const sound = /^eni-/.test(interfaceId ?? 'eni-') && (action === undefined || ACTIONS.includes(action)) &&
      (status === 'unknown' || STATUSES.includes(status)) && Object.values(record).every((each) => !Number.isNaN(each))
    if (sound) return Object.fromEntries(Object.entries(record).filter(([, each]) => each !== undefined)) as unknown as FlowRecord
  }
  return undefined
}

/** Packets between two ends, summed over records, in whichever direction. */
export interface Flow { interfaceId: string, words: string, bytes: number, lastAt: number }

export type Verdict =
  | { state: 'continues', flows: Flow[], lastAcceptedAt: number }
  /** `until`: the end of the last interval that was seen. */
  | { state: 'stopped', until: number, lastAcceptedAt?: number }
  | { state: 'not-known', why: string, lastAcceptedAt?: number }

export interface Question {
  interfaceId: string
  /** When the interface was cut off, Unix time in seconds; so is `now`. */
  cutOff: number
  now: number
  /** The longest interval that a record may sum up. */
  aggregationSeconds: number
  /** Addresses that isolation leaves open. */
  expected: string[]
}

/** What the records of one interface say. */
export function judge (records: FlowRecord[], { interfaceId, cutOff, now, aggregationSeconds, expected }: Question): Verdict {
  const own = records.filter((record) => record.interfaceId === interfaceId)
  const accepted = own.filter(({ action, source, destination }) =>
    action === 'ACCEPT' && ![source, destination].some((address) => address !== undefined && expected.includes(address)))
  const lastAccepted = accepted.length > 0 ? { lastAcceptedAt: latest(accepted) } : {}
  const from = cutOff + RECORDING_LAG_S
  const after = accepted.filter(({ start }) => start > from)
  if (after.length > 0) return { state: 'continues', flows: flowsOf(interfaceId, after), lastAcceptedAt: latest(after) }

  // Where the format leaves the end out, the interval may have been as long as any.
  const skipped = own.filter(({ status }) => status === 'SKIPDATA').map(({ start, end }) => end > start ? end : start + aggregationSeconds)
    .filter((end) => end > cutOff)
  const known = Math.max(from, ...skipped)
  const seen = own.filter(({ status, action, start, received }) =>
    (status === 'NODATA' && start >= known) ||
    (action === 'REJECT' && start >= Math.max(known, from + aggregationSeconds) && received + DELIVERY_S <= now))
  if (seen.length > 0) return { state: 'stopped', until: latest(seen), ...lastAccepted }
  return { state: 'not-known', why: whyNot(own, skipped.length > 0, cutOff), ...lastAccepted }
}

function whyNot (own: FlowRecord[], skipped: boolean, cutOff: number): string {
  if (skipped) return 'the flow log skipped records after the cut-off (SKIPDATA)'
  const after = own.filter(({ start }) => start > cutOff)
  if (after.length === 0) return 'no record of after the cut-off has arrived yet; delivery takes minutes'
  if (after.every(({ status }) => status === 'unknown')) return 'the format of the flow log records neither action nor log-status'
  return 'no interval that began after the cut-off has ended and arrived yet'
}

/** The newest first. */
function flowsOf (interfaceId: string, records: FlowRecord[]): Flow[] {
  const flows = new Map<string, Flow>()
  for (const { protocol, source, sourcePort, destination, destinationPort, bytes = 0, end } of records) {
    const ends = [endOf(source, sourcePort, protocol), endOf(destination, destinationPort, protocol)].sort()
    const words = `${nameOf(protocol)} between ${ends.join(' and ')}`
    const flow = flows.get(words) ?? { interfaceId, words, bytes: 0, lastAt: 0 }
    flows.set(words, { ...flow, bytes: flow.bytes + bytes, lastAt: Math.max(flow.lastAt, end) })
  }
  return [...flows.values()].sort((a, b) => b.lastAt - a.lastAt)
}

/** IANA, "Protocol Numbers". */
const PROTOCOLS: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' }
const WITH_PORTS: readonly unknown[] = [6, 17]

function nameOf (protocol: number | undefined): string {
  return protocol === undefined ? 'traffic' : PROTOCOLS[protocol] ?? `protocol ${protocol}`
}

function endOf (address = 'an unrecorded address', port: number | undefined, protocol: number | undefined): string {
  if (port === undefined || !WITH_PORTS.includes(protocol ?? 6)) return address
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

function latest (records: FlowRecord[]): number {
  return Math.max(...records.map(({ end }) => end))
}
