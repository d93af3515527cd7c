/**
 * The events of incidents as they happen: one listener on the database for every reader of this process.
 */
import { EventEmitter } from 'node:events'
import type { IncidentEvent, IncidentStore } from '../database/incident-store.ts'

/** Asks again after this time even when nothing was heard: a lost connection must not silence a reader. */
const ASK_AGAIN_MS = 5_000

export class EventFeed {
  readonly #incidents: IncidentStore
  readonly #heard = new EventEmitter().setMaxListeners(0)
  #stopListening: (() => Promise<void>) | undefined

  constructor (incidents: IncidentStore) {
    this.#incidents = incidents
  }

  async start (): Promise<void> {
    this.#stopListening = await this.#incidents.onEvent((incidentId) => { this.#heard.emit(incidentId) })
  }

  async stop (): Promise<void> {
    await this.#stopListening?.()
  }

  /** Events after `afterSeq`, stored ones first, then each as it comes, until the signal aborts. */
  async * of (incidentId: string, afterSeq: number, signal: AbortSignal): AsyncIterable<IncidentEvent> {
    let seen = afterSeq
    while (!signal.aborted) {
      // Listening begins before the look, so that nothing falls between the two.
      const news = this.#next(incidentId, signal)
      const events = await this.#incidents.events(incidentId, seen)
      for (const event of events) {
        seen = event.seq
        yield event
      }
      if (events.length === 0) await news
    }
  }

  /** Ends at the next event, when the signal aborts, or after a while. */
  async #next (incidentId: string, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#heard.off(incidentId, done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ASK_AGAIN_MS)
      this.#heard.on(incidentId, done)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }
}
