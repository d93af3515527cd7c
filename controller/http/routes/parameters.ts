/**
 * The parts of paths, checked before anything is looked up.
 */
import { Type } from 'typebox'

const IncidentId = Type.String({ pattern: '^[0-9A-Za-z_-]{1,64}$', description: 'Id of the incident' })

export const IncidentParams = Type.Object({ id: IncidentId })
export const ArtifactParams = Type.Object({ id: IncidentId, artifactId: Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$', description: 'Id of the artefact' }) })
