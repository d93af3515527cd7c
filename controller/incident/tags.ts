/**
 * The tags that say what is ours and for which incident.
 */
export const TAG = {
  managed: 'cleanroom:managed',
  incident: 'cleanroom:incident',
  purpose: 'cleanroom:purpose',
  status: 'cleanroom:status',
  ticket: 'cleanroom:ticket',
  instance: 'cleanroom:instance'
} as const

/** What a resource is for. `isolation` and `evidence` outlive the room; everything else goes with it. */
export type Purpose = 'isolation' | 'evidence' | 'clean-room'

export interface Tag { Key: string, Value: string }

/** Tags of everything Cleanroom makes for an incident, in the AWS SDK's shape. */
export function incidentTags (incidentId: string, purpose: Purpose, more: Record<string, string> = {}): Tag[] {
  return Object.entries({
    [TAG.managed]: 'true',
    [TAG.incident]: incidentId,
    [TAG.purpose]: purpose,
    ...more
  }).map(([Key, Value]) => ({ Key, Value }))
}
