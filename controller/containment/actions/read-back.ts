/**
 * A change is what AWS shows, not what it answered.
 */
import { fromAws } from '../../aws/aws-errors.ts'

/** Whether AWS's answer is missing: the call may have been carried out all the same, or may be yet. */
export function isUnanswered (error: unknown): boolean {
  return fromAws(error, 'asking').code === 'AWS_UNAVAILABLE'
}

/**
 * Makes the change and answers the state read back. Where AWS's answer is missing (time-out, broken connection,
 * server error) the state decides: if what is wanted stands, the change was made.
 * @throws what `change` threw
 */
export async function changeAndReadBack<S> (change: () => Promise<unknown>, read: () => Promise<S>, isWanted: (state: S) => boolean): Promise<S> {
  try {
    await change()
  } catch (error) {
    if (!isUnanswered(error)) throw error
    const state = await read().catch(() => undefined)
    if (state === undefined || !isWanted(state)) throw error
    return state
  }
  return await read()
}
