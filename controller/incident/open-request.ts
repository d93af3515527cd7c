/**
 * What opening an incident asks for, whoever asks: the API now, queues and tags later.
 */
import type { PlanOverrides, Severity } from './incident.ts'

export interface OpenRequest {
  /** 1 to 20, each well formed. */
  instanceIds: string[]
  /** Absent: the baseline's account and Region. */
  accountId?: string
  region?: string
  reason: string
  severity?: Severity
  ticket?: string
  plan?: PlanOverrides
  idempotencyKey?: string
}
