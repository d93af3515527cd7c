/**
 * AWS for a laptop with Cleanroom on it: emulator, identities, baseline, scenario, controller.
 */
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BaselineOutputs } from '../stacks/baseline/outputs.ts'
import { installBaseline, pulumiEnvironment } from './baseline.ts'
import { superviseController, type ControllerProcess } from './controller-process.ts'
import { startEmulator, type EmulatorOptions } from './emulator-process.ts'
import { startIdentityIssuer, type IdentityIssuer, type Role } from './identity-issuer.ts'
import { loadScenario, type LoadedInstance } from './scenario.ts'
import { REPOSITORY, toolchain } from './toolchain/paths.mjs'
import { registerWorkstationImage } from './workstation-image.ts'

// What the SDK says of Node's age is for whoever updates Cleanroom, not for whoever tries it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

export const REGION = 'eu-central-1'
export const ACCOUNT = '123456789012'
export const DEMO_SCENARIO = join(import.meta.dirname, 'scenarios', 'web-shell')

export interface SandboxOptions extends Omit<EmulatorOptions, 'stateDir'> {
  /** Directory of the scenario; absent: an account without instances. */
  scenario?: string
  /** Kept after the end; absent: a new directory below the system's temporary one. */
  stateDir?: string
  /** False leaves the baseline, and so the controller, to be made by hand with `pulumi up`. */
  baseline?: boolean
  /** Says what is being started, for a person. */
  say?: (words: string) => void
  onController?: (sandbox: Sandbox) => Promise<void>
}

/** What the ready file says; see the contract in docs/architecture.md. */
export interface Sandbox {
  awsEndpoint: string
  region: string
  accountId: string
  api?: string
  tokens: Record<Role, string>
  scenario: { instances: Record<string, LoadedInstance> }
  controllerPid?: number
  stateDir: string
  emulatorLog: string
  /** Environment of a shell in which AWS clients and `pulumi` work on this sandbox. */
  env: Record<string, string>
}

export interface RunningSandbox extends Sandbox {
  issuer: IdentityIssuer
  baseline?: BaselineOutputs
  controller?: ControllerProcess
  /** Stops everything and removes the files of a sandbox that was not told where to keep them. */
  stop: () => Promise<void>
  /** Stops everything and leaves the files, to see what went wrong. */
  abandon: () => Promise<void>
}

/** Starts everything, one thing after the other; what was started is stopped again when a later one fails. */
export async function startSandbox (options: SandboxOptions): Promise<RunningSandbox> {
  const say = options.say ?? (() => {})
  const stops: Array<() => Promise<void>> = []
  let stateDir = ''
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each()
  }
  const stopAndTidy = async (): Promise<void> => {
    await stop()
    if (!options.stateDir) await rm(stateDir, { recursive: true, force: true })
  }
  try {
    stateDir = options.stateDir ?? await temporaryDirectory()
    await mkdir(stateDir, { recursive: true })
    // The emulator forgets everything at its end: what an earlier run left there is about things that are gone.
    if ((await readdir(stateDir)).length > 0) throw new Error(`${stateDir} is not empty; a sandbox starts in a directory of its own`)
    await mkdir(join(stateDir, 'baseline', 'state'), { recursive: true })
    say(`Sandbox in ${stateDir}`)
    const emulator = await startEmulator({ ...options, stateDir })
    stops.push(emulator.stop)
    say(`AWS emulator at ${emulator.endpoint}`)
    const issuer = await startIdentityIssuer()
    stops.push(issuer.stop)
    const workDir = join(stateDir, 'baseline')
    const env = shellEnvironment(emulator.endpoint, workDir)
    const image = await registerWorkstationImage({ endpoint: emulator.endpoint, region: REGION, control: emulator.endpoint, analysisVenv: toolchain().analysisVenv })
    const sandbox: RunningSandbox = {
      awsEndpoint: emulator.endpoint,
      region: REGION,
      accountId: ACCOUNT,
      tokens: issuer.tokens,
      scenario: { instances: {} },
      stateDir,
      emulatorLog: emulator.log,
      env,
      issuer,
      stop: stopAndTidy,
      abandon: stop
    }
    const load = async (): Promise<void> => {
      if (!options.scenario) return
      sandbox.scenario.instances = await loadScenario(options.scenario, { endpoint: emulator.endpoint, region: REGION, control: emulator.endpoint })
      say(`Scenario with instances ${Object.keys(sandbox.scenario.instances).join(', ')}`)
    }
    const install = async (): Promise<BaselineOutputs | undefined> => {
      if (!(options.baseline ?? true)) return undefined
      const outputs = await installBaseline({ stack: 'sandbox', env, region: REGION, workDir, config: { workstation: { image, instanceTypes: ['m5.xlarge'] } } })
      say('Baseline: vault, keys, roles, queues, documents')
      return outputs
    }
    const [, baseline] = await Promise.all([load(), install()])
    if (baseline) {
      sandbox.baseline = baseline
      sandbox.controller = await superviseController({
        stateDir,
        env: await controllerEnvironment(env, issuer.issuer, stateDir, baseline),
        onStart: async ({ pid, api }) => {
          Object.assign(sandbox, { api, controllerPid: pid })
          await options.onController?.(sandbox)
        }
      })
      stops.push(sandbox.controller.stop)
      say(`Controller at ${sandbox.api}`)
    }
    return sandbox
  } catch (error) {
    await stop()
    throw error
  }
}

/** Open to other users for passing through: as root, PostgreSQL runs as a user of its own below it. */
async function temporaryDirectory (): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cleanroom-sandbox-'))
  await chmod(directory, 0o711)
  return directory
}

/** AWS and Pulumi as a shell on this sandbox needs them; the stand-in providers come first on PATH. */
function shellEnvironment (endpoint: string, workDir: string): Record<string, string> {
  const env = pulumiEnvironment({
    workDir,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      AWS_ACCESS_KEY_ID: 'sandbox',
      AWS_SECRET_ACCESS_KEY: 'sandbox',
      AWS_EC2_METADATA_DISABLED: 'true',
      PATH: [toolchain().pulumiHomeBin, process.env.PATH].join(delimiter)
    }
  })
  // The language host built here takes no loader option from Pulumi.yaml.
  return { ...env, NODE_OPTIONS: `--import=${pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href}` }
}

/** The controller runs in its own role, by way of an AWS profile, so that its sessions renew themselves. */
async function controllerEnvironment (env: Record<string, string>, issuer: string, stateDir: string, { roles }: BaselineOutputs): Promise<NodeJS.ProcessEnv> {
  const { NODE_OPTIONS, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, PULUMI_HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...aws } = env
  const configFile = join(stateDir, 'aws-config')
  const command = [process.execPath, '--no-warnings', join(REPOSITORY, 'sandbox', 'controller-credentials.mjs'), aws.AWS_ENDPOINT_URL, REGION, roles.controller]
  // A script of its own, since SDKs differ in how they take quotes apart in this file.
  const script = join(stateDir, 'controller-credentials.sh')
  await writeFile(script, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')}\n`, { mode: 0o700 })
  await writeFile(configFile, `[profile controller]\ncredential_process = ${script}\n`, { mode: 0o600 })
  return {
    HOME: process.env.HOME,
    ...aws,
    AWS_CONFIG_FILE: configFile,
    AWS_PROFILE: 'controller',
    CLEANROOM_PORT: '0',
    CLEANROOM_REGION: REGION,
    CLEANROOM_STATE_DIR: join(stateDir, 'controller'),
    CLEANROOM_OIDC_ISSUER: issuer,
    CLEANROOM_PULUMI_HOME: toolchain().pulumiHome,
    ...process.env.CLEANROOM_DATABASE_URL && { CLEANROOM_DATABASE_URL: process.env.CLEANROOM_DATABASE_URL },
    ...process.env.CLEANROOM_LOG_LEVEL && { CLEANROOM_LOG_LEVEL: process.env.CLEANROOM_LOG_LEVEL }
  }
}

/** Writes a file that a shell sources to work on this sandbox. Answers its name. */
export async function writeShellFile ({ stateDir, env }: Sandbox): Promise<string> {
  const file = join(stateDir, 'env.sh')
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  return file
}

/** Writes the ready file whole or not at all. */
export async function writeReadyFile (file: string, sandbox: Sandbox): Promise<void> {
  const { awsEndpoint, region, accountId, api, tokens, scenario, controllerPid, stateDir, emulatorLog, env } = sandbox
  const text = JSON.stringify({ awsEndpoint, region, accountId, api, tokens, scenario, controllerPid, stateDir, emulatorLog, env }, null, 2)
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
