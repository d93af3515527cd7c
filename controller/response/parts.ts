/**
 * What the lanes of the response are given: the outside, each behind its own module.
 */
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import type { AwsClients } from '../aws/clients.ts'
import type { CleanRooms } from '../clean-room/engine.ts'
import type { IncidentStore } from '../database/incident-store.ts'
import type { CustodyStore } from '../evidence/custody-store.ts'
import type { EvidenceStore } from '../evidence/evidence-store.ts'
import type { Manifests } from '../evidence/manifest.ts'
import type { Notifier } from '../notify/notifier.ts'

export interface ResponseParts {
  baseline: BaselineOutputs
  clients: AwsClients
  incidents: IncidentStore
  custody: CustodyStore
  evidence: EvidenceStore
  manifests: Manifests
  rooms: CleanRooms
  notifier: Notifier
  /** Where the analysis packages are. */
  scriptsDirectory: string
}
