/** How many tests passed, failed and were skipped. */
export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** The counts of a JUnit report, as pytest writes it. */
export function countsOfJunit (xml: string): Counts {
  const totals = { tests: 0, failures: 0, errors: 0, skipped: 0 }
  for (const [element] of xml.matchAll(/<testsuite\s[^>]*>/g)) {
    for (const name of Object.keys(totals) as Array<keyof typeof totals>) {
      totals[name] += Number(new RegExp(`\\s${name}="(\\d+)"`).exec(element)?.[1] ?? 0)
    }
  }
  const failed = totals.failures + totals.errors
  return { passed: totals.tests - failed - totals.skipped, failed, skipped: totals.skipped }
}

/**
 * What a suite's run counts as: what it counted, and at least one failure when it ended badly.
 * A suite that ran no test has failed too: nothing was shown.
 */
export function verdict (code: number | null, counted: Counts | undefined): Counts {
  const counts = counted ?? { passed: 0, failed: 0, skipped: 0 }
  const nothingRan = counts.passed + counts.failed + counts.skipped === 0
  return (code !== 0 || nothingRan) && counts.failed === 0 ? { ...counts, failed: 1 } : counts
}

export function sum (all: Counts[]): Counts {
  return all.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }), { passed: 0, failed: 0, skipped: 0 })
}

export function closingLine ({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
