/**
 * What several calls take: the parts of paths, checked before anything is looked up, and ids in bodies.
 */
import { Type } from 'typebox'

/** EC2 ids are 8 or, since 2016, 17 hexadecimal digits long. */
export const InstanceId = Type.String({ pattern: '^i-([0-9a-f]{8}|[0-9a-f]{17})$', description: 'EC2 instance id' })
export const InstanceIds = Type.Array(InstanceId, { minItems: 1, maxItems: 20 })

export const Comment = Type.String({ pattern: '\\S', maxLength: 4000, description: 'Why; it goes into the chain of custody' })

const IncidentId = Type.String({ pattern: '^[0-9A-Za-z_-]{1,64}$', description: 'Id of the incident' })

export const IncidentParams = Type.Object({ id: IncidentId })
export const ArtifactParams = Type.Object({ id: IncidentId, artifactId: Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$', description: 'Id of the artefact' }) })
