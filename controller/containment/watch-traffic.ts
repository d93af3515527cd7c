/**
 * Asks the flow logs of a contained instance whether its traffic stopped.
 *
 * Only CloudWatch Logs is asked: there each interface has a stream of its own, named after it (Amazon VPC User
 * Guide, "Publish flow logs to CloudWatch Logs"). Logs in a bucket or a delivery stream are named for a person.
 */
import { paginateFilterLogEvents, type CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import { fromAws, isGone } from '../aws/aws-errors.ts'
import type { Traffic } from '../incident/incident.ts'
import type { FlowLogFacts } from '../triage/target-facts.ts'
import { fieldsOf, judge, parseRecord, RECORDING_LAG_S, type FlowRecord, type Verdict } from './flow-records.ts'

export interface LookOptions {
  /** Addresses that isolation leaves open: their traffic is planned. */
  expected?: string[]
  /** How many pages of one stream are read at most; a page holds up to 10,000 records. */
  pages?: number
  pageSize?: number
}

/** Streams read at once: FilterLogEvents has a low quota for the whole account (CloudWatch Logs User Guide, "Quotas"). */
const STREAMS_AT_ONCE = 4
const PAGES = 20
/** Flows that are named in the answer. */
const NAMED = 10

/** Amazon VPC User Guide, "Flow log limitations". */
const NOT_RECORDED = 'Flow logs never record DNS queries to the VPC\'s own resolver, the instance metadata service, the Amazon time service and DHCP, so nothing is said of these.'

/** A log group with all that publishes to it. */
interface LogGroup { name: string, formats: string[][], aggregationSeconds: number }

/**
 * What the flow logs show of the interfaces since the cut-off. Never fails: what can't be read makes the answer
 * `not-known`, with the reason.
 *
 * @param since when the last interface was cut off
 */
export async function lookForTraffic (
  logs: CloudWatchLogsClient, flowLogs: FlowLogFacts[], interfaceIds: string[], since: Date, now: Date,
  { expected = [], pages = PAGES, pageSize }: LookOptions = {}
): Promise<Traffic> {
  const checkedAt = now.toISOString()
  const groups = logGroups(flowLogs)
  if (groups.length === 0 || interfaceIds.length === 0) return { state: 'not-known', detail: nothingToAsk(flowLogs), checkedAt }
  const streams = groups.flatMap((group) => interfaceIds.map((interfaceId) => ({ group, interfaceId })))
  const verdicts = new Map<string, Verdict[]>(interfaceIds.map((interfaceId) => [interfaceId, []]))
  const readOneAfterAnother = async (): Promise<void> => {
    for (let next = streams.shift(); next; next = streams.shift()) {
      const { group, interfaceId } = next
      verdicts.get(interfaceId)!.push(await verdictOf(group, interfaceId))
    }
  }
  await Promise.all(Array.from({ length: STREAMS_AT_ONCE }, readOneAfterAnother))
  return { ...answer([...verdicts].map(([interfaceId, each]) => ({ interfaceId, verdict: strongest(each) })), groups, since), checkedAt }

  async function verdictOf (group: LogGroup, interfaceId: string): Promise<Verdict> {
    const { aggregationSeconds } = group
    const earliest = since.getTime() - (aggregationSeconds + RECORDING_LAG_S) * 1000
    try {
      const { records, whole } = await read(logs, group, interfaceId, earliest, { pages, ...pageSize !== undefined && { pageSize } })
      const verdict = judge(records, { interfaceId, cutOff: since.getTime() / 1000, now: now.getTime() / 1000, aggregationSeconds, expected })
      return whole || verdict.state === 'continues'
        ? verdict
        : { state: 'not-known', why: `${group.name} has more records than were looked through (${records.length}), and none of those was accepted after the cut-off` }
    } catch (error) {
      // The log group is made at the first delivery, and so is the stream.
      if (isGone(error)) return { state: 'not-known', why: `${group.name} has no records of it` }
      const { code, message } = fromAws(error, `reading ${group.name}`)
      return { state: 'not-known', why: `${code}: ${message}` }
    }
  }
}

function logGroups (flowLogs: FlowLogFacts[]): LogGroup[] {
  const groups = new Map<string, LogGroup>()
  for (const { destination, destinationName, format, aggregationSeconds } of flowLogs) {
    if (destination !== 'cloud-watch-logs') continue
    const group = groups.get(destinationName) ?? { name: destinationName, formats: [], aggregationSeconds: 0 }
    groups.set(destinationName, {
      ...group, formats: [...group.formats, fieldsOf(format)], aggregationSeconds: Math.max(group.aggregationSeconds, aggregationSeconds)
    })
  }
  return [...groups.values()]
}

function nothingToAsk (flowLogs: FlowLogFacts[]): string {
  if (flowLogs.length === 0) return 'No flow log records the traffic of the instance, its subnets or its VPC.'
  const places = flowLogs.map(({ flowLogId, destinationName }) => `${flowLogId} in ${destinationName}`)
  return `The flow logs are not in CloudWatch Logs; a person can look there whether traffic of after the cut-off was accepted: ${places.join(', ')}.`
}

/** @returns the records, and whether these are all */
async function read (
  client: CloudWatchLogsClient, { name, formats }: LogGroup, interfaceId: string, startTime: number, { pages, pageSize }: { pages: number, pageSize?: number }
): Promise<{ records: FlowRecord[], whole: boolean }> {
  const records: FlowRecord[] = []
  let left = pages
  const request = { logGroupName: name, logStreamNamePrefix: interfaceId, startTime }
  for await (const { events = [], nextToken } of paginateFilterLogEvents({ client, ...pageSize !== undefined && { pageSize } }, request)) {
    for (const { message = '', timestamp = 0, ingestionTime = timestamp, logStreamName = '' } of events) {
      const record = parseRecord({ message, timestamp, received: ingestionTime, stream: logStreamName }, formats)
      if (record) records.push(record)
    }
    if (--left === 0) return { records, whole: nextToken === undefined }
  }
  return { records, whole: true }
}

const STRENGTH = ['continues', 'stopped', 'not-known'] as const satisfies Array<Verdict['state']>

/** Each log group records all of the interface, so one that knows is enough; one that saw traffic outweighs the rest. */
function strongest (verdicts: Verdict[]): Verdict {
  return [...verdicts].sort((a, b) => STRENGTH.indexOf(a.state) - STRENGTH.indexOf(b.state))[0]!
}

interface Answered { interfaceId: string, verdict: Verdict }

function answer (answered: Answered[], groups: LogGroup[], since: Date): Omit<Traffic, 'checkedAt'> {
  const verdicts = answered.map(({ verdict }) => verdict)
  const accepted = verdicts.flatMap(({ lastAcceptedAt }) => lastAcceptedAt ?? [])
  const last = accepted.length > 0 ? { lastAcceptedAt: at(Math.max(...accepted)) } : {}
  const flows = verdicts.flatMap((verdict) => verdict.state === 'continues' ? verdict.flows : []).sort((a, b) => b.lastAt - a.lastAt)
  if (flows.length > 0) {
    const named = flows.slice(0, NAMED).map(({ interfaceId, words, bytes, lastAt }) => `${interfaceId}: ${words}, ${bytes} bytes, last at ${at(lastAt)}`)
    const more = flows.length > NAMED ? `; and ${flows.length - NAMED} more` : ''
    return {
      state: 'continues',
      detail: `Traffic was accepted after the cut-off at ${since.toISOString()}: ${named.join('; ')}${more}. A network ACL or stopping the instance ends it.`,
      ...last
    }
  }
  const names = groups.map(({ name }) => name).join(', ')
  const open = answered.flatMap(({ interfaceId, verdict }) => verdict.state === 'not-known' ? [`${interfaceId}: ${verdict.why}`] : [])
  if (open.length > 0) return { state: 'not-known', detail: `Whether traffic stopped can't be said from ${names}. ${open.join('; ')}.`, ...last }
  const until = Math.min(...verdicts.flatMap((verdict) => verdict.state === 'stopped' ? verdict.until : []))
  return {
    state: 'stopped',
    detail: `${names} tells of no traffic of ${answered.map(({ interfaceId }) => interfaceId).join(', ')} that was accepted after the cut-off at ${since.toISOString()}, until ${at(until)}. ${NOT_RECORDED}`,
    ...last
  }
}

function at (seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
