/**
 * What the demo claims, each checked against AWS.
 */
import { createHash, createPublicKey } from 'node:crypto'
import { compactVerify } from 'jose'
import { verifyChain } from '../../controller/evidence/custody-ledger.ts'
import type { Incident } from '../../controller/incident/incident.ts'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import type { LoadedInstance } from '../scenario.ts'
import { readScenario } from '../scenarios/scenario-file.ts'
import type { ApiClient } from './api-client.ts'
import type { CloudWitness } from './cloud-witness.ts'
import { differences, type Portrait } from './portrait.ts'
import type { DemoReport } from './report.ts'

export interface DemoCase {
  api: ApiClient
  witness: CloudWitness
  report: DemoReport
  incident: Incident
  token: string
  baseline: BaselineOutputs
}

/** The machine that must stay as it was, and how it was. */
export interface Untouched { instance: LoadedInstance, before: Portrait['own'] }

export async function checkContainment ({ witness, report, incident }: DemoCase, suspect: LoadedInstance, wasTarget: boolean, neighbour: Untouched): Promise<void> {
  const { instanceId } = suspect
  await report.verify('every interface is in one group that has no rule', async () => {
    const interfaces = await witness.interfaces(instanceId)
    const groups = [...new Set(interfaces.flatMap((each) => each.groups))]
    const rules = await Promise.all(groups.map((group) => witness.rules(group)))
    return {
      ok: interfaces.length === suspect.interfaceIds.length && groups.length === 1 && rules.every((count) => count === 0),
      detail: `${interfaces.length} interfaces in ${groups.join(', ')}, ${rules.join('+')} rules`
    }
  })
  await report.verify('it has left its Auto Scaling group', async () => {
    const group = await witness.autoScalingGroup(instanceId)
    return { ok: group === undefined, detail: group ?? `was in ${suspect.autoScalingGroup}` }
  })
  await report.verify('its target group sends it nothing', async () => ({
    ok: wasTarget && !await witness.isTarget(suspect.targetGroupArn!, instanceId), detail: `was in ${suspect.targetGroupArn!.split('/')[1]!}`
  }))
  await report.verify('it can\'t be terminated by API', async () => ({ ok: await witness.terminationProtected(instanceId), detail: '' }))
  await checkNeighbour(witness, report, neighbour)
  const { 'time-to-contain': ms } = incident.timings
  report.check('it was cut off within seconds', ms !== undefined, ms === undefined ? 'no time recorded' : `${(ms / 1000).toFixed(1)} s after the incident was opened`)
}

async function checkNeighbour (witness: CloudWitness, report: DemoReport, { instance, before }: Untouched): Promise<void> {
  await report.verify('the machine beside it is as it was', async () => {
    const { own } = await witness.portrait(instance.instanceId)
    const changed = differences(before, own)
    return { ok: changed.length === 0, detail: changed.join('; ') || instance.instanceId }
  })
}

export async function checkRoom ({ witness, report, incident }: DemoCase): Promise<void> {
  const { vpcId, workstationId } = incident.cleanRoom
  await report.verify('the clean room has no way out', async () => {
    const ways = await witness.waysOut(vpcId!)
    return { ok: ways.length === 0, detail: ways.join(', ') || `${vpcId}: no gateway, no peering, no route` }
  })
  await report.verify('its workstation has no public address', async () => {
    const address = await witness.publicAddress(workstationId!)
    return { ok: address === undefined, detail: address ?? workstationId! }
  })
  await report.verify('a copy of every disk is attached to it', async () => {
    const taken = incident.targets.flatMap(({ acquisition }) => acquisition.snapshots.map(({ snapshotId }) => snapshotId)).sort()
    const attached = (await witness.attachedCopies(workstationId!)).filter((id) => taken.includes(id)).sort()
    return { ok: taken.length > 0 && JSON.stringify(taken) === JSON.stringify(attached), detail: `${attached.length} of ${taken.length}` }
  })
}

/** Everything the scenario planted on the suspected disks has a finding of its rule at its path. */
export async function checkFindings ({ api, report, incident, token }: DemoCase, scenarioDirectory: string, instances: Record<string, LoadedInstance>): Promise<void> {
  const { instances: specs, expect = [] } = readScenario(scenarioDirectory)
  const findings = await api.findings(incident.id, token)
  for (const planted of expect) {
    const spec = specs.find(({ name }) => name === planted.instance)!
    const { instanceId, volumeIds } = instances[planted.instance]!
    if (!incident.targets.some((target) => target.instanceId === instanceId)) continue
    const volumeId = volumeIds[spec.volumes.findIndex(({ device }) => device === planted.device)]
    const found = findings.find((finding) => finding.rule === planted.rule && finding.path === planted.path && finding.volumeId === volumeId)
    report.check(`found: ${planted.rule} at ${planted.path}`, found !== undefined,
      found ? `${found.severity}, ${found.technique ?? 'no technique'}: ${found.title}` : `nothing like it among ${findings.length} findings`)
  }
}

export async function checkLeftovers ({ witness, report, incident }: DemoCase, suspect: LoadedInstance, neighbour: Untouched): Promise<void> {
  await report.verify('nothing is left of the clean room', async () => {
    const left = await witness.remains(incident.id, incident.cleanRoom.vpcId!)
    return { ok: left.length === 0, detail: left.join(', ') || 'no VPC, machine, disk, endpoint, group or role' }
  })
  await report.verify('the instance is still cut off', async () => {
    const groups = (await witness.interfaces(suspect.instanceId)).flatMap((each) => each.groups)
    const rules = await Promise.all(groups.map((group) => witness.rules(group)))
    return { ok: rules.length > 0 && rules.every((count) => count === 0), detail: suspect.instanceId }
  })
  await checkNeighbour(witness, report, neighbour)
}

export async function checkEvidence ({ api, witness, report, incident, token, baseline }: DemoCase): Promise<void> {
  const { id } = incident
  await report.verify('the snapshots are kept', async () => {
    const kept = await witness.snapshots(id)
    return { ok: kept.length === suspectVolumes(incident), detail: kept.join(', ') }
  })
  const artifacts = await api.evidence(id, token)
  await report.verify('every artefact is in the vault, locked, with the hash that was recorded', async () => {
    const wrong: string[] = []
    for (const { key, sha256 } of artifacts) {
      const stored = await witness.stored(baseline.evidenceBucket, key)
      if (stored.sha256 !== sha256) wrong.push(`${key} has another hash`)
      if (!stored.lockedUntil || stored.lockedUntil <= new Date()) wrong.push(`${key} is not locked`)
    }
    return { ok: artifacts.length > 0 && wrong.length === 0, detail: wrong.join('; ') || `${artifacts.length} artefacts` }
  })
  const ledger = await api.ledger(id, token)
  await report.verify('the chain of custody is unbroken', async () => {
    const faults = verifyChain(id, ledger)
    return {
      ok: ledger.length > 0 && faults.length === 0,
      detail: faults.length === 0 ? `${ledger.length} entries, each hashed with the one before` : faults.map(({ index, problem }) => `entry ${index + 1} ${problem}`).join('; ')
    }
  })
  await report.verify('the manifest bears the signature of the account\'s key', async () => {
    const artifact = artifacts.find(({ id: artifactId }) => artifactId === incident.manifest!.artifactId)!
    const { bytes } = await witness.stored(baseline.evidenceBucket, artifact.key)
    const key = createPublicKey({ key: await witness.publicKey(baseline.signingKeyArn), format: 'der', type: 'spki' })
    const { payload, protectedHeader } = await compactVerify(bytes.toString('utf8').trim(), key)
    const named = new TextDecoder().decode(payload)
    const unnamed = artifacts.filter((each) => each.id !== artifact.id && !named.includes(each.sha256))
    return {
      ok: unnamed.length === 0 && createHash('sha256').update(bytes).digest('hex') === incident.manifest!.sha256,
      detail: unnamed.length === 0 ? `${protectedHeader.alg}, naming all ${artifacts.length - 1} other artefacts` : `does not name ${unnamed.map(({ key: name }) => name).join(', ')}`
    }
  })
}

function suspectVolumes (incident: Incident): number {
  return incident.targets.reduce((sum, { acquisition }) => sum + acquisition.snapshots.length, 0)
}
