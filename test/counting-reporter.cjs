/** Mocha's own `spec` report for people, and the counts as JSON in the file that the option `counts` names. */
const { writeFileSync } = require('node:fs')
const { reporters } = require('mocha')

module.exports = class CountingReporter extends reporters.Spec {
  constructor (runner, options) {
    super(runner, options)
    const { counts } = options.reporterOption ?? options.reporterOptions
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats
      writeFileSync(counts, JSON.stringify({ passed: passes, failed: failures, skipped: pending }))
    })
  }
}
