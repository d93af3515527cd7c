/**
 * The few calls of Cleanroom's HTTP API that the demo makes, as any client would.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Artifact, Finding, Incident, LedgerEntry, Phase } from '../../controller/incident/incident.ts'

const LIMIT_MS = 5 * 60_000
/** How long a read that is not answered for a while is asked again. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 1_000

export class ApiClient {
  readonly #api: () => string
  readonly #patienceMs: number

  /** `api` is asked anew for each call: a restarted controller may have another address. */
  constructor (api: () => string, { patienceMs = PATIENCE_MS } = {}) {
    this.#api = api
    this.#patienceMs = patienceMs
  }

  /** A read that is answered with 503 is asked again after the time that the answer names. */
  async call<T> (method: 'GET' | 'POST', path: string, token: string, body?: unknown): Promise<T> {
    const deadline = Date.now() + this.#patienceMs
    for (;;) {
      const answer = await fetch(`${this.#api()}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...body !== undefined && { 'content-type': 'application/json' } },
        ...body !== undefined && { body: JSON.stringify(body) }
      })
      const text = await answer.text()
      if (answer.ok) return JSON.parse(text) as T
      const waitMs = pauseOf(answer)
      if (method !== 'GET' || answer.status !== 503 || Date.now() + waitMs > deadline) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
      await sleep(waitMs)
    }
  }

  incident = (id: string, token: string): Promise<Incident> => this.call('GET', `/incidents/${id}`, token)
  findings = (id: string, token: string): Promise<Finding[]> => this.#all(`/incidents/${id}/findings`, token)
  evidence = (id: string, token: string): Promise<Artifact[]> => this.#all(`/incidents/${id}/evidence`, token)
  ledger = (id: string, token: string): Promise<LedgerEntry[]> => this.#all(`/incidents/${id}/ledger`, token)

  /**
   * Waits until the incident is in that phase. A controller that is being restarted is waited for.
   * @throws Error when it needs attention instead, or takes longer than five minutes
   */
  async reach (id: string, token: string, phase: Phase): Promise<Incident> {
    const deadline = Date.now() + LIMIT_MS
    for (;;) {
      const incident = await this.incident(id, token).catch((error: unknown) => {
        if (error instanceof TypeError) return undefined
        throw error
      })
      if (incident?.phase === phase) return incident
      if (incident?.phase === 'needs-attention') {
        const { code, message, diagnostics = [] } = incident.problem!
        throw new Error(`the incident needs attention: ${code}: ${message}\n${diagnostics.join('\n')}`)
      }
      if (Date.now() > deadline) throw new Error(`the incident was still ${incident?.phase ?? 'out of reach'} after ${LIMIT_MS / 60_000} minutes`)
      await sleep(250)
    }
  }

  async #all<T> (path: string, token: string): Promise<T[]> {
    const items: T[] = []
    let cursor: string | undefined
    do {
      const page = await this.call<{ items: T[], nextCursor?: string }>('GET', `${path}${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`, token)
      items.push(...page.items)
      cursor = page.nextCursor
    } while (cursor)
    return items
  }
}

/** Milliseconds, of `Retry-After` in seconds (RFC 9110, section 10.2.3). */
function pauseOf ({ headers }: Response): number {
  const after = headers.get('retry-after')
  return after !== null && /^\d+$/.test(after) ? Number(after) * 1000 : PAUSE_MS
}
