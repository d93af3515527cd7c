/**
 * One analysis as a durable lane: the package goes to the vault, runs on the workstation, and its results
 * come back through the vault. A package that fails or runs out of time is a result, with its log.
 */
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { packPackage, type ScriptPackage } from '../analysis/package-archive.ts'
import { commandProgress, sendPackage, summaryOf, type CommandProgress } from '../analysis/run-package.ts'
import { attempt, awsCode } from '../aws/aws-errors.ts'
import { now, pause, step, workflow, type Workflow } from '../durable/durable.ts'
import { controllerActor } from '../incident/custody.ts'
import { CleanroomError, codeOf, messageOf } from '../incident/errors.ts'
import { Finding, type AnalysisRun, type Artifact, type Incident, type RoomVolume } from '../incident/incident.ts'
import type { ResponseParts } from './parts.ts'
import { POLICY } from './step-policies.ts'

export interface AnalysisInput { incidentId: string, runId: string, script: string, parameters: Record<string, unknown> }

/** The workflow of a run; those of the plan are started by the response, others by the API. */
export function analysisWorkflowId (incidentId: string, runId: string): string {
  return `analyse/${incidentId}/${runId}`
}

const ACTOR = controllerActor('analyse')
/** Time for the archive's way there and the results' way back, beside the package's own budget. */
const TRANSFER_MS = 10 * 60_000

const FindingsFile = Type.Object({ findings: Type.Array(Finding, { maxItems: 10_000 }) })
/** What a workstation claims is not trusted to fit into memory. */
const FINDINGS_MAX_BYTES = 32 * 1024 * 1024

export function registerAnalysis (parts: ResponseParts): Workflow<[AnalysisInput], AnalysisRun> {
  return workflow('analyse', async (input: AnalysisInput) => {
    const { incidentId, runId, script } = input
    const key = `analyse/${runId}`
    try {
      const sent = await send(parts, input)
      const ended = await follow(parts, input, sent)
      return await take(parts, input, ended)
    } catch (error) {
      return await step(`${key}.failed`, POLICY.record, async () => {
        const failure = { code: codeOf(error), message: messageOf(error) }
        const { analyses } = await parts.incidents.get(incidentId)
        if (!analyses.some(({ id }) => id === runId)) {
          await parts.incidents.putAnalysis(incidentId, { id: runId, script, parameters: input.parameters, state: 'failed', findings: 0, artifactIds: [] })
        }
        await parts.custody.append(incidentId, { key: `${key}:failed`, actor: ACTOR, action: 'analysis.failed', detail: { runId, script, ...failure } })
        return await finish(parts, incidentId, runId, (run) => { Object.assign(run, { state: 'failed', error: failure }) })
      })
    }
  })
}

interface Sent { commandId: string, workstationId: string, deadline: number, prefix: string }

async function send (parts: ResponseParts, { incidentId, runId, script, parameters }: AnalysisInput): Promise<Sent> {
  const { baseline, clients, custody, incidents, scriptsDirectory } = parts
  const startedAt = new Date(await now()).toISOString()
  const prefix = `incidents/${incidentId}/analysis/${runId}`
  const room = await step('analyse.begin', POLICY.record, async () => {
    const { cleanRoom } = await incidents.get(incidentId)
    if (cleanRoom.state !== 'ready' || !cleanRoom.workstationId) {
      throw new CleanroomError('CONFLICT', `The clean room is ${cleanRoom.state}; an analysis needs it ready.`)
    }
    await incidents.putAnalysis(incidentId, { id: runId, script, parameters, state: 'running', startedAt, findings: 0, artifactIds: [] })
    return { workstationId: cleanRoom.workstationId, volumes: cleanRoom.volumes }
  })
  const shipped = await step('analyse.ship', POLICY.store, async () => {
    const packed = await packPackage(scriptsDirectory, script)
    await ship(parts, packed)
    return { key: packed.key, sha256: packed.sha256, timeBudgetSeconds: packed.manifest.timeBudgetSeconds }
  })
  const commandId = await step('analyse.send', POLICY.command, async () => {
    await custody.append(incidentId, {
      key: `analyse/${runId}:intent`,
      actor: ACTOR,
      action: 'analysis.intent',
      sha256: shipped.sha256,
      detail: { runId, script, package: shipped.key, parameters, volumes: room.volumes.map(({ volumeId }) => volumeId) }
    })
    await update(parts, incidentId, runId, (run) => { run.packageSha256 = shipped.sha256 })
    return await sendPackage(clients.ssm(baseline, 'analyse'), {
      document: baseline.documents.runPackage,
      workstationId: room.workstationId,
      bucket: baseline.evidenceBucket,
      packageKey: shipped.key,
      packageSha256: shipped.sha256,
      outputPrefix: prefix,
      arguments: argumentsFor(incidentId, room.volumes, parameters),
      timeBudgetSeconds: shipped.timeBudgetSeconds,
      runId
    })
  })
  return { commandId, workstationId: room.workstationId, prefix, deadline: Date.parse(startedAt) + shipped.timeBudgetSeconds * 1000 + TRANSFER_MS }
}

function argumentsFor (incidentId: string, volumes: RoomVolume[], parameters: Record<string, unknown>): Record<string, unknown> {
  return {
    ...parameters,
    incidentId,
    volumes: volumes.map(({ volumeId, device, sourceVolumeId, instanceId }) => ({ volumeId, device, sourceVolumeId, instanceId }))
  }
}

/** Puts the archive into the vault under its own hash, once for all incidents. */
async function ship ({ baseline, clients }: ResponseParts, { key, archive, sha256 }: ScriptPackage): Promise<void> {
  const s3 = clients.s3(baseline, 'controller')
  const Bucket = baseline.evidenceBucket
  await attempt(`shipping ${key}`, async () => {
    try {
      await s3.send(new HeadObjectCommand({ Bucket, Key: key }))
      return
    } catch (error) {
      if (!['NotFound', 'NoSuchKey', '404'].includes(awsCode(error) ?? '')) throw error
    }
    await s3.send(new PutObjectCommand({
      Bucket, Key: key, Body: archive, ContentType: 'application/zip', ChecksumAlgorithm: 'SHA256', ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64')
    }))
  })
}

async function follow ({ baseline, clients }: ResponseParts, { script }: AnalysisInput, sent: Sent): Promise<Extract<CommandProgress, { state: 'ended' }> & Sent> {
  const ssm = clients.ssm(baseline, 'analyse')
  for (let asked = 0; ; asked++) {
    const progress = await step(`analyse.progress/${asked}`, POLICY.poll, () => commandProgress(ssm, sent.commandId, sent.workstationId))
    if (progress.state === 'ended') return { ...progress, ...sent }
    if (await now() > sent.deadline) throw new CleanroomError('TIMED_OUT', `${script} was still running at the end of its time budget.`)
    await pause(Math.min(500 * 1.3 ** asked, 10_000))
  }
}

/** Takes the results into custody: every file hashed again from the vault, then its findings read. */
async function take (parts: ResponseParts, { incidentId, runId, script }: AnalysisInput, ended: Extract<CommandProgress, { state: 'ended' }> & Sent): Promise<AnalysisRun> {
  const { evidence, custody, incidents } = parts
  return await step('analyse.take', POLICY.store, async () => {
    const summary = summaryOf(ended.stdout)
    const artifactIds: string[] = []
    let findings: Finding[] = []
    for (const file of summary?.files ?? []) {
      const artifactId = `${runId}-${file.name}`
      const artifact = await evidence.adopt({
        incidentId,
        kind: 'analysis',
        artifactId,
        key: `${ended.prefix}-${file.name}/${file.name}`,
        sha256: file.sha256,
        size: file.size,
        source: `${script} on ${ended.workstationId}`,
        actor: ACTOR
      })
      artifactIds.push(artifact.id)
      if (file.name === 'findings.json') findings = await readFindings(parts, artifact, runId)
    }
    await incidents.addFindings(incidentId, findings)
    const succeeded = summary?.ok === true && ended.status === 'Success'
    await custody.append(incidentId, {
      key: `analyse/${runId}:result`,
      actor: ACTOR,
      action: 'analysis.result',
      detail: { runId, script, status: ended.status, exitCode: ended.exitCode, findings: findings.length, artifactIds }
    })
    return await finish(parts, incidentId, runId, (run) => {
      run.state = succeeded ? 'succeeded' : /TimedOut/.test(ended.status) ? 'timed-out' : 'failed'
      run.findings = findings.length
      run.artifactIds = artifactIds
      if (!succeeded) {
        run.error = { code: 'ANALYSIS_FAILED', message: `${ended.status}, exit code ${ended.exitCode}: ${(ended.stderr || ended.stdout).trim().slice(-2000)}` }
      }
    })
  })
}

/** The very version that was hashed: the workstation may still write under the same key. */
async function readFindings ({ baseline, clients }: ResponseParts, artifact: Artifact, runId: string): Promise<Finding[]> {
  const { id, key, size, versionId } = artifact
  if (size > FINDINGS_MAX_BYTES) throw new CleanroomError('ANALYSIS_FAILED', `findings.json has ${size} bytes; at most ${FINDINGS_MAX_BYTES} are read.`)
  const text = await attempt(`reading ${key}`, async () => {
    const answer = await clients.s3(baseline, 'analyse').send(new GetObjectCommand({ Bucket: baseline.evidenceBucket, Key: key, ...versionId && { VersionId: versionId } }))
    return await answer.Body!.transformToString('utf8')
  })
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new CleanroomError('ANALYSIS_FAILED', 'findings.json is no JSON document.', { cause: error })
  }
  if (!Value.Check(FindingsFile, parsed)) {
    const [first] = Value.Errors(FindingsFile, parsed)
    throw new CleanroomError('ANALYSIS_FAILED', `findings.json does not have the form it must have: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
  }
  return parsed.findings.map((finding) => ({ ...finding, analysisId: runId, artifactId: id }))
}

async function update ({ incidents }: ResponseParts, incidentId: string, runId: string, edit: (run: AnalysisRun, incident: Incident) => void): Promise<AnalysisRun> {
  const runOf = ({ analyses }: Incident): AnalysisRun => analyses.find(({ id }) => id === runId)!
  return runOf(await incidents.update(incidentId, (changed) => { edit(runOf(changed), changed) }))
}

async function finish (parts: ResponseParts, incidentId: string, runId: string, edit: (run: AnalysisRun) => void): Promise<AnalysisRun> {
  const all = await parts.incidents.findings(incidentId)
  const bySeverity: Record<string, number> = {}
  for (const { severity } of all) bySeverity[severity] = (bySeverity[severity] ?? 0) + 1
  const run = await update(parts, incidentId, runId, (changed, incident) => {
    edit(changed)
    changed.endedAt = new Date().toISOString()
    incident.findingsSummary = { total: all.length, bySeverity }
  })
  await parts.incidents.addEvent(incidentId, { type: 'analysis.ended', data: { id: runId, script: run.script, state: run.state, findings: run.findings } })
  return run
}
