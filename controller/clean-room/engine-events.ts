/**
 * What the engine says while it works, as data for people who watch, and its complaints.
 */
import type { EngineEvent } from '@pulumi/pulumi/automation/index.js'

export interface RoomEvent {
  type: 'started' | 'done' | 'failed' | 'diagnostic'
  /** Type and logical name of the resource, for example `aws:ec2/vpc:Vpc network-vpc`. */
  resource?: string
  /** Pulumi's word for what happens to it: create, update, delete, same, … */
  op?: string
  /** For a diagnostic: what the engine said. */
  message?: string
  /** Resources finished, of those seen so far. */
  done: number
  total: number
}

export type OnRoomEvent = (event: RoomEvent) => void

/** Turns the engine's events into ours and keeps its errors. */
export class EngineLog {
  readonly diagnostics: string[] = []
  /** Summary of the operations on real resources, by Pulumi's word for them. */
  changes: Record<string, number> = {}
  readonly #onEvent: OnRoomEvent
  #done = 0
  #total = 0

  constructor (onEvent: OnRoomEvent = () => {}) {
    this.#onEvent = onEvent
  }

  receive = (event: EngineEvent): void => {
    if (event.resourcePreEvent) {
      this.#total += 1
      this.#tell('started', event.resourcePreEvent.metadata)
    } else if (event.resOutputsEvent) {
      this.#done += 1
      this.#tell('done', event.resOutputsEvent.metadata)
    } else if (event.resOpFailedEvent) {
      this.#tell('failed', event.resOpFailedEvent.metadata)
    } else if (event.diagnosticEvent && event.diagnosticEvent.severity === 'error') {
      const { urn, message } = event.diagnosticEvent
      const text = plain(`${urn ? `${nameOf(urn)}: ` : ''}${message}`)
      if (!this.diagnostics.includes(text)) this.diagnostics.push(text)
      this.#onEvent({ type: 'diagnostic', message: text, done: this.#done, total: this.#total })
    } else if (event.summaryEvent) {
      this.changes = event.summaryEvent.resourceChanges as Record<string, number>
    }
  }

  #tell (type: 'started' | 'done' | 'failed', { urn, op }: { urn: string, op: string }): void {
    this.#onEvent({ type, resource: nameOf(urn), op, done: this.#done, total: this.#total })
  }
}

/** `urn:pulumi:stack::project::parent$type::name` as `type name`. */
export function nameOf (urn: string): string {
  const [, , types = '', name = ''] = urn.split('::')
  return `${types.split('$').at(-1)} ${name}`
}

/** The engine colours its diagnostics with `<{%reset%}>` marks. */
function plain (text: string): string {
  return text.replaceAll(/<\{%[^%]*%\}>/g, '').trim()
}
