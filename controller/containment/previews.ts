/**
 * What a change that needs a second person would do, from reads alone. The schemas are the types.
 */
import { Type, type Static } from 'typebox'

export const ReleasePreview = Type.Object({
  targets: Type.Array(Type.Object({
    instanceId: Type.String(),
    changes: Type.Array(Type.Object({
      action: Type.String({ description: 'The kind of action that would be taken back' }),
      resource: Type.String(),
      effect: Type.Enum(['restores', 'nothing-to-do', 'changed-since', 'not-readable'], { description: '`changed-since`: somebody changed it after containment, so it is left alone' }),
      before: Type.Unknown({ description: 'The state that was recorded before the action, which release brings back' }),
      now: Type.Optional(Type.Unknown({ description: 'The state that stands there today' })),
      error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() }))
    }), { description: 'In the order of release' })
  }))
}, { description: 'The preview of a dry run' })
export type ReleasePreview = Static<typeof ReleasePreview>
/** What release would do to one action's resource. */
export type UndoPreview = ReleasePreview['targets'][number]['changes'][number]

export const EscalationPreview = Type.Object({
  targets: Type.Array(Type.Object({
    instanceId: Type.String(),
    actions: Type.Array(Type.Object({ kind: Type.String(), resource: Type.String(), words: Type.String() }), { description: 'What the rungs would do beyond what is done' }),
    hits: Type.Array(Type.String(), { description: 'Who else would be hit' })
  }))
}, { description: 'The preview of a dry run' })
export type EscalationPreview = Static<typeof EscalationPreview>
