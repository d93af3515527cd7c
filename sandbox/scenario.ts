/**
 * Loads a scenario: from a directory with scenario.yaml and trees to machines in the emulator's account.
 */
import { sandboxAws } from './scenarios/aws.ts'
import { buildFleet, createProfiles } from './scenarios/fleet.ts'
import { groupsOf, subnetsOf } from './scenarios/interfaces.ts'
import { registerServerImage, startMachine, type LoadedInstance } from './scenarios/machines.ts'
import { buildNetwork } from './scenarios/network.ts'
import { readScenario } from './scenarios/scenario-file.ts'

export type { LoadedInstance } from './scenarios/machines.ts'

export interface ScenarioTarget {
  /** The emulator's AWS endpoint. */
  endpoint: string
  region: string
  /** Base URL of the emulator's control API; left out, volumes stay empty and agents as the emulator has them. */
  control?: string
  /** Where disk images are kept between runs; left out, the toolchain's cache. */
  cacheDir?: string
}

/**
 * Makes everything that `directory/scenario.yaml` describes. Answers its machines by name.
 * @throws InvalidScenario before anything is made, with every violation
 */
export async function loadScenario (directory: string, target: ScenarioTarget): Promise<Record<string, LoadedInstance>> {
  const scenario = readScenario(directory)
  const aws = sandboxAws(target.endpoint, target.region)
  const profiles = new Set(scenario.instances.flatMap(({ instanceProfile }) => instanceProfile ?? []))
  const [network, imageId, roles] = await Promise.all([
    buildNetwork(aws, scenario.name, subnetsOf(scenario), groupsOf(scenario)),
    registerServerImage(aws),
    createProfiles(aws, [...profiles])
  ])
  const context = {
    aws, directory, scenario: scenario.name, network, imageId, roles, control: target.control, cacheDir: target.cacheDir
  }
  const members = await Promise.all(scenario.instances.map(async (spec) => ({ spec, loaded: await startMachine(context, spec) })))
  await buildFleet(aws, network, imageId, members)
  return Object.fromEntries(members.map(({ spec, loaded }) => [spec.name, loaded]))
}
