/**
 * The incident's own events, read from the API's stream and told in a person's words.
 */
interface StreamEvent { type: string, data: Record<string, unknown> }

type Words = (data: Record<string, unknown>) => string | undefined

/** What is told of each kind of event; other kinds are too small to tell. */
const WORDS: Record<string, Words> = {
  'incident.phase': ({ to }) => `→ ${String(to)}`,
  'containment.action': ({ action, resource, state }) => `contain  ${String(action)} ${String(resource)}: ${String(state)}`,
  'containment.proved': ({ state, ok }) => `contain  read back from AWS: ${String(state)}${ok ? '' : ', not everything as it should be'}`,
  'acquisition.progress': ({ snapshots }) => `disks    ${(snapshots as Array<{ snapshotId: string, state: string, progress: number }>)
    .map(({ snapshotId, state, progress }) => `${snapshotId} ${state === 'completed' ? 'completed' : `${progress} %`}`).join(', ')}`,
  'room.creating': ({ what }) => `room     ${what === 'shell' ? 'network, endpoints and workstation' : 'copies of the disks'}`,
  'room.progress': ({ type, resource, op }) => type === 'done' && resource && op !== 'same' ? `room     ${String(op)} ${String(resource)}` : undefined,
  'room.proved': ({ ok }) => `room     isolation read back from AWS: ${ok ? 'isolated' : 'NOT isolated'}`,
  'room.ready': ({ workstationId }) => `room     workstation ${String(workstationId)} answers`,
  'room.destroyed': () => 'room     gone, by AWS\'s word',
  'analysis.ended': ({ script, state, findings }) => `analysis ${String(script)} ${String(state)}: ${String(findings)} findings`
}

/** Reads the stream until stopped; a lost stream is no failure of the demo. */
export function tellProgress (api: string, incidentId: string, token: string, say: (words: string) => void): { stop: () => void } {
  const stopper = new AbortController()
  read(api, incidentId, token, say, stopper.signal).catch(() => {})
  return { stop: () => { stopper.abort() } }
}

async function read (api: string, incidentId: string, token: string, say: (words: string) => void, signal: AbortSignal): Promise<void> {
  const answer = await fetch(`${api}/incidents/${incidentId}/events`, { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' }, signal })
  let text = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const messages = text.split('\n\n')
    text = messages.pop()!
    for (const event of messages.map(parse)) {
      const words = event && WORDS[event.type]?.(event.data)
      if (words) say(words)
    }
  }
}

/** One message of the stream (HTML Living Standard, "Server-sent events"). */
function parse (message: string): StreamEvent | undefined {
  const field = (name: string): string => message.split('\n').filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join('\n')
  const data = field('data')
  if (!data) return undefined
  const parsed = JSON.parse(data) as { type?: string, data?: Record<string, unknown> }
  return { type: field('event') || parsed.type || '', data: parsed.data ?? parsed as Record<string, unknown> }
}
