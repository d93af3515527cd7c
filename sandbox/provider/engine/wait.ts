/** Bounded waiting. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience { seconds: number }

/** Asks again, less and less often (0.1 s to 2 s), until there is an answer. */
export async function until<T> (what: string, probe: () => Promise<T | undefined>, { seconds }: Patience): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (let pause = 100; ; pause = Math.min(pause * 1.5, 2000)) {
    const answer = await probe()
    if (answer !== undefined) return answer
    if (Date.now() + pause > deadline) throw new Error(`timeout while waiting for ${what} (after ${seconds} s)`)
    await sleep(pause)
  }
}

export function errorCode (error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { Code, Error: inner } = error as Error & { Code?: string, Error?: { Code?: string } }
  return Code ?? inner?.Code ?? error.name
}

/** Tries again while AWS's refusal is one that passes, such as a dependency that is still going away. */
export async function whileRefused<T> (passing: readonly string[] | ((error: unknown) => boolean), act: () => Promise<T>, { seconds }: Patience): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  const passes = typeof passing === 'function' ? passing : (error: unknown) => passing.includes(errorCode(error))
  for (let pause = 200; ; pause = Math.min(pause * 1.6, 5000)) {
    try {
      return await act()
    } catch (error) {
      if (!passes(error) || Date.now() + pause > deadline) throw error
    }
    await sleep(pause)
  }
}

/** Undefined where AWS says there is no such thing. */
export async function unlessGone<T> (codes: readonly string[], act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (codes.includes(errorCode(error))) return undefined
    throw error
  }
}
