/**
 * Makes the pieces that are not there yet, each under its lock, side by side where they don't need
 * one another, and tells a person what is going on.
 *
 * A piece is `{ name, after?, ready, make, remedy }`: `ready()` is quick and runs nothing, `make(say)`
 * does the work and names each part of it, `remedy` says what a person can do when it fails.
 */
import { exclusively } from './exclusive.mjs'

const STILL_AT_IT_MS = 10_000

/** Resolves to the failures `[{ piece, error }]`; empty when everything is there. */
export async function makeAll (pieces, { lockFileOf, print, now = Date.now }) {
  const missing = pieces.filter(piece => !piece.ready())
  const width = Math.max(0, ...missing.map(piece => piece.name.length))
  const made = new Map()
  const failures = []
  for (const piece of missing) {
    made.set(piece.name, makeAfter(piece, piece.after?.filter(name => made.has(name)) ?? []))
  }
  await Promise.all(made.values())
  return failures

  /** Whether the piece could be made. */
  async function makeAfter (piece, earlier) {
    for (const name of earlier) {
      if (await made.get(name)) continue
      failures.push({ piece, error: new Error(`not tried, for it needs ${name} first`) })
      return false
    }
    return makeOne(piece)
  }

  async function makeOne (piece) {
    const start = now()
    const seconds = () => ((now() - start) / 1000).toFixed(1)
    const tell = (mark, text) => print(`${mark} ${piece.name.padEnd(width)}  ${text}`)
    let doing = 'starting'
    const say = (text, { loud = true } = {}) => {
      doing = text
      if (loud) tell('·', text)
    }
    const timer = setInterval(() => tell('·', `${doing.slice(0, 100)} (${seconds()} s so far)`), STILL_AT_IT_MS)
    try {
      await exclusively(lockFileOf(piece), async () => {
        if (piece.ready()) return
        await piece.make(say)
        if (!piece.ready()) throw new Error('it was made but is not in its place')
      }, pid => say(`waiting for process ${pid}, which is making it`))
      tell('✔', `${seconds()} s`)
      return true
    } catch (error) {
      tell('✘', `failed after ${seconds()} s`)
      failures.push({ piece, error })
      return false
    } finally {
      clearInterval(timer)
    }
  }
}
