/**
 * The parts of a description: what AWS answered, or why it did not.
 */
import { setMaxListeners } from 'node:events'
import { fromAws } from '../aws/aws-errors.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { Section, Sections } from './target-facts.ts'

export interface Unreadable { what: string, code: string, message: string }

/** What a read gives, or its error as data: one missing permission never holds a response up. */
export async function section (doing: string, read: () => Promise<unknown>): Promise<Section> {
  try {
    return { data: await read() ?? null }
  } catch (error) {
    return notRead(error, doing)
  }
}

export function notRead (error: unknown, doing: string): { error: { code: string, message: string } } {
  const { code, message } = fromAws(error, doing)
  return { error: { code, message } }
}

/** All reads side by side, each a section under its name. */
export async function readSections (reads: Record<string, () => Promise<unknown>>): Promise<Sections> {
  const names = Object.keys(reads)
  const read = await Promise.all(names.map((name) => section(`reading ${name}`, reads[name]!)))
  return Object.fromEntries(names.map((name, index) => [name, read[index]!]))
}

/** The sections that hold an error, for people. */
export function unreadable (sections: Sections): Unreadable[] {
  return Object.entries(sections).flatMap(([what, read]) => 'error' in read ? [{ what, ...read.error }] : [])
}

/** What an AWS SDK client takes beside a command, so that a read ends when its time is up. */
export interface Limited { abortSignal: AbortSignal }

/**
 * Gives a read so many milliseconds; then its calls are aborted.
 * @throws CleanroomError TIMED_OUT, and whatever the read throws
 */
export async function within<T> (limitMs: number, doing: string, read: (limited: Limited) => Promise<T>): Promise<T> {
  const calls = new AbortController()
  // Every call under way listens; Node warns of more than ten.
  setMaxListeners(0, calls.signal)
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new CleanroomError('TIMED_OUT', `${doing}: not answered within ${limitMs / 1000} s`))
      calls.abort()
    }, limitMs)
  })
  try {
    return await Promise.race([read({ abortSignal: calls.signal }), limit])
  } finally {
    clearTimeout(timer)
  }
}
