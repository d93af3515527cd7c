/**
 * The few calls of Cleanroom's HTTP API that the demo makes, as any client would.
 */
import type { Artifact, Finding, Incident, LedgerEntry } from '../../controller/incident/incident.ts'

export class ApiClient {
  readonly #api: () => string

  /** `api` is asked anew for each call: a restarted controller may have another address. */
  constructor (api: () => string) {
    this.#api = api
  }

  async call<T> (method: 'GET' | 'POST', path: string, token: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.#api()}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...body !== undefined && { 'content-type': 'application/json' } },
      ...body !== undefined && { body: JSON.stringify(body) }
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as T
  }

  incident = (id: string, token: string): Promise<Incident> => this.call('GET', `/incidents/${id}`, token)
  findings = (id: string, token: string): Promise<Finding[]> => this.#all(`/incidents/${id}/findings`, token)
  evidence = (id: string, token: string): Promise<Artifact[]> => this.#all(`/incidents/${id}/evidence`, token)
  ledger = (id: string, token: string): Promise<LedgerEntry[]> => this.#all(`/incidents/${id}/ledger`, token)

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
