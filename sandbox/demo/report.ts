/**
 * What the demo says: live lines for a person, and the same as data for a program.
 */
export interface DemoStep { name: string, ok: boolean, ms: number, detail: string }

const { isTTY } = process.stdout
const COLOURED = isTTY && process.env.NO_COLOR === undefined
const paint = (code: number, text: string): string => COLOURED ? `\u001b[${code}m${text}\u001b[0m` : text

export class DemoReport {
  readonly steps: DemoStep[] = []
  readonly #start = Date.now()
  #last = Date.now()

  get ok (): boolean {
    return this.steps.length > 0 && this.steps.every(({ ok }) => ok)
  }

  /** A headline: what begins now. */
  begin (words: string): void {
    console.log(`\n${this.#clock()} ${paint(1, words)}`)
  }

  /** Something that happened. */
  note (words: string): void {
    console.log(`${this.#clock()}   ${words}`)
  }

  /** Something that must hold; its time is what passed since the step before. */
  check (name: string, ok: boolean, detail: string): void {
    const now = Date.now()
    this.steps.push({ name, ok, ms: now - this.#last, detail })
    this.#last = now
    console.log(`${this.#clock()}   ${ok ? paint(32, '✔') : paint(31, '✘')} ${name}${detail ? paint(2, ` — ${detail}`) : ''}`)
  }

  /** Runs a check that may throw: then it failed, with the error as its detail. */
  async verify (name: string, check: () => Promise<{ ok: boolean, detail: string }>): Promise<void> {
    try {
      const { ok, detail } = await check()
      this.check(name, ok, detail)
    } catch (error) {
      this.check(name, false, error instanceof Error ? error.message : String(error))
    }
  }

  end (): void {
    const failed = this.steps.filter(({ ok }) => !ok)
    const seconds = ((Date.now() - this.#start) / 1000).toFixed(1)
    console.log(`\n${this.#clock()} ${failed.length === 0
      ? paint(32, `All ${this.steps.length} checks held, in ${seconds} s.`)
      : paint(31, `${failed.length} of ${this.steps.length} checks failed: ${failed.map(({ name }) => name).join('; ')}`)}`)
  }

  #clock (): string {
    return paint(2, `${((Date.now() - this.#start) / 1000).toFixed(1).padStart(6)} s`)
  }
}
