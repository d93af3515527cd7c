/**
 * Proof that nothing of a room is left: AWS, asked by tag for every kind of thing a room is made of.
 */
import type { Check, Proof } from '../incident/incident.ts'
import { messageOf } from '../incident/errors.ts'
import { ROOM_RESOURCES, type Cloud } from './room-resources.ts'

/** Never throws: a look-up that AWS refuses is a check that failed. A terminated instance is absent. */
export async function proveAbsence (cloud: Cloud, incidentId: string): Promise<Proof> {
  const checks = await Promise.all(ROOM_RESOURCES.map(async ({ type, list }): Promise<Check> => {
    const name = `no ${type}`
    try {
      const found = await list(cloud, incidentId)
      return { name, ok: found.length === 0, expected: 'none', observed: found.length === 0 ? 'none' : found.join(', ') }
    } catch (error) {
      return { name, ok: false, expected: 'none', observed: `could not be asked: ${messageOf(error)}` }
    }
  }))
  return { ok: checks.every(({ ok }) => ok), at: new Date().toISOString(), checks }
}
