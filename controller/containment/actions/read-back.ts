/**
 * A change is what AWS shows, not what it answered.
 */
import { fromAws } from '../../aws/aws-errors.ts'

/**
 * Makes the change and answers the state read back. Where AWS's answer is missing (time-out, broken connection,
 * server error) the state decides: if what is wanted stands, the change was made.
 * @throws what `change` threw
 */
export async function changeAndReadBack<S> (change: () => Promise<unknown>, read: () => Promise<S>, isWanted: (state: S) => boolean): Promise<S> {
  try {
    await change()
  } catch (error) {
    if (fromAws(error, 'changing').code !== 'AWS_UNAVAILABLE') throw error
    const state = await read().catch(() => undefined)
    if (state === undefined || !isWanted(state)) throw error
    return state
  }
  return await read()
}
