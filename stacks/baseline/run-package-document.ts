/**
 * The SSM document that runs one analysis package on a workstation.
 *
 * Systems Manager pastes parameters into the script as text. So each has a pattern that leaves no room
 * for a quote, a space or a `$`, and they reach Python as environment variables, not as code; the
 * package's own arguments travel as base64 of JSON.
 */

/** Systems Manager takes documents up to this size (AWS General Reference, "Systems Manager quotas"). */
const MAXIMUM_BYTES = 64 * 1024

const PARAMETERS = {
  Bucket: { variable: 'CLEANROOM_BUCKET', description: 'The evidence vault', allowedPattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' },
  PackageKey: {
    variable: 'CLEANROOM_PACKAGE_KEY', description: 'Key of the package in the vault', allowedPattern: '^packages/[A-Za-z0-9._/-]{1,900}\\.zip$'
  },
  PackageSha256: { variable: 'CLEANROOM_PACKAGE_SHA256', description: 'What the package must hash to', allowedPattern: '^[0-9a-f]{64}$' },
  OutputPrefix: {
    variable: 'CLEANROOM_OUTPUT_PREFIX', description: 'Where in the vault the results go', allowedPattern: '^incidents/[A-Za-z0-9._/-]{1,900}$'
  },
  Arguments: {
    variable: 'CLEANROOM_ARGUMENTS', description: 'Arguments of the package: JSON in base64', allowedPattern: '^[A-Za-z0-9+/]+={0,2}$'
  },
  TimeBudgetSeconds: { variable: 'CLEANROOM_TIME_BUDGET_SECONDS', description: 'Seconds that the package may run', allowedPattern: '^[1-9][0-9]{0,5}$' }
}

/**
 * @param bootstrap Python text that fetches, checks and runs the package
 * @throws Error where the bootstrap can't be embedded as it is
 */
export function runPackageDocument (bootstrap: string): object {
  if (bootstrap.includes('{{')) throw new Error('The bootstrap must not contain `{{`: Systems Manager would take it for a parameter.')
  const end = 'CLEANROOM_BOOTSTRAP'
  if (bootstrap.split('\n').includes(end)) throw new Error(`The bootstrap must not contain the line ${end}.`)
  const document = {
    schemaVersion: '2.2',
    description: 'Runs one Cleanroom analysis package, checked by its hash, and puts its results into the evidence vault.',
    parameters: {
      ...Object.fromEntries(Object.entries(PARAMETERS).map(([name, { description, allowedPattern }]) =>
        [name, { type: 'String', description, allowedPattern }])),
      ExecutionTimeout: {
        type: 'String',
        // The bootstrap keeps the time budget, and still needs time to store what there is.
        description: 'Seconds after which the agent ends it all; the most that Systems Manager allows',
        default: '172800',
        allowedPattern: '^[1-9][0-9]{0,5}$'
      }
    },
    mainSteps: [{
      action: 'aws:runShellScript',
      name: 'runPackage',
      precondition: { StringEquals: ['platformType', 'Linux'] },
      inputs: {
        timeoutSeconds: '{{ ExecutionTimeout }}',
        runCommand: [
          'export PATH="/opt/cleanroom/bin:$PATH"',
          ...Object.entries(PARAMETERS).map(([name, { variable }]) => `export ${variable}='{{ ${name} }}'`),
          `exec python3 - <<'${end}'`,
          ...bootstrap.trimEnd().split('\n'),
          end
        ]
      }
    }]
  }
  const size = Buffer.byteLength(JSON.stringify(document))
  if (size > MAXIMUM_BYTES) throw new Error(`The run-package document has ${size} bytes; Systems Manager takes ${MAXIMUM_BYTES}.`)
  return document
}
