/**
 * Who may run when: one operation per stack at a time, and only so many engines alive at once.
 */

/** Lets at most `limit` tasks run; the others wait in order of arrival. */
export class Turns {
  #free: number
  readonly #waiting: Array<() => void> = []

  constructor (limit: number) {
    this.#free = limit
  }

  async take<T> (task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}

/** Runs the tasks of one key one after the other, and those of different keys side by side. */
export class OneAtATime {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<T> (key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const mine = before.then(task, task)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}
