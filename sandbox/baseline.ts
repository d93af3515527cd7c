/**
 * Installs the baseline on the sandbox through the Automation API: the very program that `pulumi up`
 * runs, under the same project name, so that either continues what the other began on the same stack.
 */
import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LocalWorkspace, PulumiCommand, type EngineEvent, type Stack } from '@pulumi/pulumi/automation/index.js'
import { Value } from 'typebox/value'
import { CONFIG_NAMESPACE, stackConfig, toSettings, type BaselineConfig } from '../stacks/baseline/config.ts'
import { BaselineOutputs } from '../stacks/baseline/outputs.ts'
import { baseline } from '../stacks/baseline/program.ts'
import { toolchain } from './toolchain/paths.mjs'

export interface BaselineInstallation {
  /** Name of the Pulumi stack. */
  stack: string
  region: string
  /** What the engine and its provider need to reach AWS: AWS_ENDPOINT_URL, credentials. Pulumi's own variables win over the defaults here. */
  env: Record<string, string>
  /** Settings that differ from the defaults. */
  config?: Settings
  /** Holds the stack's settings, Pulumi's own files and, where PULUMI_BACKEND_URL names no other place, its state. */
  workDir: string
  /** Directory with `bin/pulumi`. */
  pulumiRoot?: string
  onEvent?: (event: EngineEvent) => void
}

type Settings = { [K in keyof BaselineConfig]?: BaselineConfig[K] extends unknown[] ? BaselineConfig[K] : BaselineConfig[K] extends object ? Partial<BaselineConfig[K]> : BaselineConfig[K] }

/**
 * Makes the baseline, or brings it up to date.
 * @throws StackCommandError with the engine's words when `up` fails
 */
export async function installBaseline (installation: BaselineInstallation): Promise<BaselineOutputs> {
  const stack = await baselineStack(installation)
  const { outputs } = await stack.up({ color: 'never', suppressProgress: true, onEvent: installation.onEvent })
  // The stack says more than the controller is told.
  return Value.Parse(BaselineOutputs, Value.Clean(BaselineOutputs, Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value as unknown]))))
}

/** The stack with its settings in place, for whatever is to be done with it. */
export async function baselineStack ({ stack: stackName, region, config = {}, workDir, ...installation }: BaselineInstallation): Promise<Stack> {
  const env = pulumiEnvironment({ workDir, ...installation })
  const pulumiHome = env.PULUMI_HOME as string
  await Promise.all([pulumiHome, join(workDir, 'state')].map(directory => mkdir(directory, { recursive: true })))
  const stack = await LocalWorkspace.createOrSelectStack({
    stackName,
    projectName: 'cleanroom',
    program: async () => await baseline(stackConfig())
  }, {
    workDir,
    pulumiHome,
    envVars: env,
    pulumiCommand: await PulumiCommand.get({ root: installation.pulumiRoot ?? toolchain().pulumiHome }),
    secretsProvider: 'passphrase'
  })
  const settings = Object.entries(toSettings(config)).map(([key, value]) => [`${CONFIG_NAMESPACE}:${key}`, { value }])
  await stack.setAllConfig({ 'aws:region': { value: region }, ...Object.fromEntries(settings) })
  return stack
}

/** What a Pulumi command line needs in its environment to work on the same stack; also from a shell. */
export function pulumiEnvironment ({ env, workDir }: Pick<BaselineInstallation, 'env' | 'workDir'>): Record<string, string> {
  return {
    // Nothing on the sandbox is secret; the passphrase only has to be the same for all.
    PULUMI_CONFIG_PASSPHRASE: 'sandbox',
    PULUMI_BACKEND_URL: pathToFileURL(join(workDir, 'state')).href,
    PULUMI_HOME: join(workDir, 'pulumi-home'),
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    // The stand-in is on PATH; were it not, a download would only hide the mistake.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    ...env,
    // A loader named there is looked for where the plugin runs; the plugin brings its own.
    NODE_OPTIONS: '',
    PATH: [toolchain().pluginDir, env.PATH ?? process.env.PATH].join(delimiter)
  }
}
