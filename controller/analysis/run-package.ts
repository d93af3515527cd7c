/**
 * Runs a script package on the workstation by Run Command and takes its results into the vault.
 *
 * Source: AWS Systems Manager User Guide, "AWS Systems Manager Run Command". Output longer than 24,000
 * characters is cut there, so results travel through the vault and only a digest through the command.
 */
import { DescribeInstanceInformationCommand, GetCommandInvocationCommand, ListCommandsCommand, SendCommandCommand, type SSMClient } from '@aws-sdk/client-ssm'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { attempt, awsCode } from '../aws/aws-errors.ts'

export interface PackageCommand {
  document: string
  workstationId: string
  bucket: string
  packageKey: string
  packageSha256: string
  outputPrefix: string
  arguments: Record<string, unknown>
  timeBudgetSeconds: number
  /** Names the run, so that a command sent twice is found and not sent again. */
  runId: string
}

/** What the workstation says it wrote: claims, until the stored objects are hashed again. */
export const PackageSummary = Type.Object({
  ok: Type.Boolean(),
  exitCode: Type.Integer(),
  files: Type.Array(Type.Object({
    name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    size: Type.Integer({ minimum: 0 })
  })),
  findings: Type.Integer({ minimum: 0 })
})

export type CommandProgress =
  | { state: 'running' }
  | { state: 'ended', status: string, exitCode: number, stdout: string, stderr: string }

/** Whether the workstation's agent answers. */
export async function isOnline (ssm: SSMClient, workstationId: string): Promise<boolean> {
  return await attempt('asking for the workstation\'s agent', async () => {
    const answer = await ssm.send(new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [workstationId] }] }))
    return answer.InstanceInformationList?.some(({ PingStatus }) => PingStatus === 'Online') ?? false
  })
}

/** Sends the command, or finds the one this run sent before. Answers the command's id. */
export async function sendPackage (ssm: SSMClient, command: PackageCommand): Promise<string> {
  const comment = `cleanroom ${command.runId}`.slice(0, 100)
  return await attempt(`sending ${command.packageKey}`, async () => {
    const sent = await ssm.send(new ListCommandsCommand({ InstanceId: command.workstationId }))
    const known = sent.Commands?.find(({ Comment }) => Comment === comment)
    if (known) return known.CommandId!
    const answer = await ssm.send(new SendCommandCommand({
      DocumentName: command.document,
      InstanceIds: [command.workstationId],
      Comment: comment,
      TimeoutSeconds: 300,
      Parameters: {
        Bucket: [command.bucket],
        PackageKey: [command.packageKey],
        PackageSha256: [command.packageSha256],
        OutputPrefix: [command.outputPrefix],
        Arguments: [Buffer.from(JSON.stringify(command.arguments)).toString('base64')],
        TimeBudgetSeconds: [String(command.timeBudgetSeconds)]
      }
    }))
    return answer.Command!.CommandId!
  })
}

const ENDED = ['Success', 'Failed', 'TimedOut', 'Cancelled', 'Cancelling']

/** How far a command is. One that AWS has not made visible yet counts as running. */
export async function commandProgress (ssm: SSMClient, commandId: string, workstationId: string): Promise<CommandProgress> {
  return await attempt(`asking for command ${commandId}`, async () => {
    try {
      const got = await ssm.send(new GetCommandInvocationCommand({ CommandId: commandId, InstanceId: workstationId }))
      const status = got.Status ?? 'Pending'
      if (!ENDED.includes(status)) return { state: 'running' }
      return {
        state: 'ended',
        status: got.StatusDetails ?? status,
        exitCode: got.ResponseCode ?? -1,
        stdout: got.StandardOutputContent ?? '',
        stderr: got.StandardErrorContent ?? ''
      }
    } catch (error) {
      if (awsCode(error) === 'InvocationDoesNotExist') return { state: 'running' }
      throw error
    }
  })
}

/** The summary that a package's run ends its output with, or undefined when the output has none. */
export function summaryOf (stdout: string): { ok: boolean, exitCode: number, files: Array<{ name: string, sha256: string, size: number }>, findings: number } | undefined {
  const last = stdout.trimEnd().split('\n').at(-1) ?? ''
  let parsed: unknown
  try {
    parsed = JSON.parse(last)
  } catch {
    return undefined
  }
  return Value.Check(PackageSummary, parsed) ? parsed : undefined
}
