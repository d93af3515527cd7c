/**
 * Clean rooms by Pulumi's Automation API: one stack per incident, one operation at a time per stack.
 *
 * Going down, the state is the authority and not the program: a room is destroyed with an empty
 * program, and counts as absent only when AWS itself, asked by tag, has nothing of it left. Until
 * then the stack, our marker of what must still go, stays.
 */
import { DeleteObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CommandError, ConcurrentUpdateError, LocalWorkspace, StackAlreadyExistsError, StackNotFoundError,
  type InlineProgramArgs, type OutputMap, type PulumiCommand, type Stack
} from '@pulumi/pulumi/automation/index.js'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { cleanRoomProgram } from '../../stacks/clean-room/program.ts'
import type { CleanRoomInput, RoomDisk, RoomOutputs } from '../../stacks/clean-room/room-input.ts'
import { CleanroomError, messageOf } from '../incident/errors.ts'
import { engineCommand, PID_FILE_VARIABLE, stopEngine } from './engine-command.ts'
import { EngineLog, type OnRoomEvent } from './engine-events.ts'
import { findRoom, reconcile, removeAll, type RoomResource } from './recovery.ts'
import type { Cloud } from './room-resources.ts'
import { OneAtATime, Turns } from './turns.ts'

export interface CleanRoomsOptions {
  baseline: BaselineOutputs
  /** Work directories, and the files that tell a running engine. */
  stateDir: string
  /** Clients for the baseline's Region, with the right to look for and remove a room's parts. */
  cloud: Cloud
  /** A client with the right to the state bucket; without one, a lock on a stack that never came to be stays. */
  states?: S3Client
  /** Directory with bin/pulumi; absent: `pulumi` on PATH. */
  pulumiHome?: string
  /** The address range of every room. */
  cidr?: string
  /** Engines alive at once: each takes hundreds of megabytes with the real provider. */
  engines?: number
  /** Longest operation, then it is stopped. */
  timeoutMs?: number
  /** How long a stopped engine may take to finish what it has begun and write it down, before it is killed. */
  stopGraceMs?: number
  /** Further environment of the engine, for example credentials for the state bucket. */
  environment?: () => Promise<Record<string, string>>
}

export type { RoomEvent } from './engine-events.ts'
export type { RoomOutputs } from '../../stacks/clean-room/room-input.ts'

/** What a room is wanted for; everything else about it follows from the baseline. */
export interface RoomRequest {
  incidentId: string
  /** Append only: what has been copied into the room stays there. */
  disks: RoomDisk[]
  /** ISO 8601, UTC. */
  expiresAt: string
}

export type Destroyed = { state: 'absent' } | { state: 'stalled', remaining: string[], diagnostics: string[] }

type Operation<T> = (stack: Stack, options: { onEvent: EngineLog['receive'], signal: AbortSignal, refresh?: true }) => Promise<T>

const PROJECT = 'clean-room'
const DEFAULTS = { cidr: '10.255.255.0/24', engines: 3, timeoutMs: 30 * 60_000, stopGraceMs: 60_000 }
const nothing = async () => {}

export class CleanRooms {
  readonly #options: CleanRoomsOptions & typeof DEFAULTS
  readonly #perStack = new OneAtATime()
  readonly #engines: Turns
  #command: Promise<PulumiCommand> | undefined

  constructor (options: CleanRoomsOptions) {
    this.#options = { ...DEFAULTS, ...options }
    this.#engines = new Turns(this.#options.engines)
  }

  /**
   * Brings the room to what is asked for; again with more disks it only adds them.
   * @throws CleanroomError ENGINE_FAILED with `diagnostics`, ENGINE_UNAVAILABLE, TIMED_OUT, or AWS's
   */
  async up (request: RoomRequest, onEvent?: OnRoomEvent): Promise<RoomOutputs> {
    const program = this.#program(request)
    return await this.#exclusively(request.incidentId, async () => {
      const { stack, isNew } = await this.#open(request.incidentId, program)
      const { outputs } = await this.#operate(stack, request.incidentId, async (opened, options) => await opened.up(options), new EngineLog(onEvent), isNew)
      return roomOf(outputs)
    })
  }

  /** What the last `up` made, or undefined when there is no room. */
  async outputs (incidentId: string): Promise<RoomOutputs | undefined> {
    return await this.#exclusively(incidentId, async () => {
      const stack = await this.#select(incidentId)
      if (!stack) return undefined
      const room = roomOf(await stack.outputs())
      return room.vpcId ? room : undefined
    })
  }

  /**
   * Removes the room and everything that AWS has with its tags. Never throws for what is left: says it.
   * @throws CleanroomError ENGINE_UNAVAILABLE, or AWS's when AWS can't be asked
   */
  async destroy (incidentId: string, onEvent?: OnRoomEvent): Promise<Destroyed> {
    return await this.#exclusively(incidentId, async () => {
      const stack = await this.#select(incidentId)
      const log = new EngineLog(onEvent)
      const failures: string[] = []
      const note = (error: unknown) => { failures.push(messageOf(error)) }
      if (stack) {
        await this.#operate(stack, incidentId, async (opened, options) => await opened.destroy(options), log).catch(note)
      }
      const { cloud } = this.#options
      const held = stack ? await heldBy(stack) : []
      // Only what the state no longer holds is an orphan: the rest is the engine's to remove.
      if (held.length === 0) await removeAll(cloud, await findRoom(cloud, incidentId)).catch(note)
      const remaining = unique([...held, ...(await findRoom(cloud, incidentId)).map(nameOf)])
      if (remaining.length > 0) return { state: 'stalled', remaining, diagnostics: unique([...log.diagnostics, ...failures]) }
      await stack?.workspace.removeStack(stack.name)
      return { state: 'absent' }
    })
  }

  /** One operation, after recovery where there was something before; once more if a dead engine held the lock. */
  async #operate<T> (stack: Stack, incidentId: string, operation: Operation<T>, log: EngineLog, isNew = false): Promise<T> {
    const { cloud, timeoutMs } = this.#options
    const run = async (refresh: boolean) => {
      const stopper = new AbortController()
      let kill: NodeJS.Timeout | undefined
      const timer = setTimeout(() => {
        stopper.abort()
        kill = setTimeout(() => { stopEngine(this.#pidFile(incidentId), 0).catch(() => {}) }, this.#options.stopGraceMs)
      }, timeoutMs)
      try {
        return await operation(stack, { onEvent: log.receive, signal: stopper.signal, ...refresh && { refresh } })
      } catch (error) {
        if (stopper.signal.aborted) throw new CleanroomError('TIMED_OUT', `Pulumi was stopped after ${timeoutMs} ms`, { cause: error })
        throw error
      } finally {
        clearTimeout(timer)
        clearTimeout(kill)
      }
    }
    const recovered = async () => (await reconcile(stack, cloud, incidentId)).stale
    try {
      return await run(isNew ? false : await recovered())
    } catch (error) {
      if (!(error instanceof ConcurrentUpdateError)) throw engineFailure(error, log)
      // We hold this stack's turn and its last engine is stopped: whoever holds the lock is dead.
      await stack.cancel()
      return await recovered().then(run).catch((again: unknown) => { throw engineFailure(again, log) })
    }
  }

  /** An impossible room is refused before anything is made. */
  #program ({ incidentId, disks, expiresAt }: RoomRequest): InlineProgramArgs['program'] {
    const { baseline, cidr } = this.#options
    const input: CleanRoomInput = {
      incidentId, baseline, cidr, instanceType: baseline.workstation.instanceTypes[0] as string, volumes: disks, expiresAt
    }
    try {
      return cleanRoomProgram(input)
    } catch (error) {
      throw engineFailure(error)
    }
  }

  async #exclusively<T> (incidentId: string, task: () => Promise<T>): Promise<T> {
    return await this.#perStack.take(incidentId, async () => await this.#engines.take(async () => {
      await mkdir(this.#workDir(incidentId), { recursive: true })
      await stopEngine(this.#pidFile(incidentId), this.#options.stopGraceMs)
      try {
        return await task()
      } catch (error) {
        throw engineFailure(error)
      }
    }))
  }

  async #open (incidentId: string, program: InlineProgramArgs['program']): Promise<{ stack: Stack, isNew: boolean }> {
    const [args, options] = await this.#workspace(incidentId, program)
    const create = async () => ({ stack: await LocalWorkspace.createStack(args, options), isNew: true })
    try {
      return await create()
    } catch (error) {
      // A stack under a dead engine's lock is refused as locked before it is refused as existing.
      if (!(error instanceof StackAlreadyExistsError || error instanceof ConcurrentUpdateError)) throw error
      const stack = await this.#select(incidentId, program)
      if (stack) return { stack, isNew: false }
      // Its engine died while it made the stack: a lock on nothing, which Pulumi's own `cancel` can't lift.
      if (!this.#options.states) throw error
      await this.#unlock(this.#options.states, stackName(incidentId))
      return await create()
    }
  }

  async #unlock (states: S3Client, stack: string): Promise<void> {
    const Bucket = this.#options.baseline.stateBucket
    const locks = await states.send(new ListObjectsV2Command({ Bucket, Prefix: `.pulumi/locks/organization/${PROJECT}/${stack}/` }))
    await Promise.all((locks.Contents ?? []).map(async ({ Key }) => await states.send(new DeleteObjectCommand({ Bucket, Key }))))
  }

  async #select (incidentId: string, program: InlineProgramArgs['program'] = nothing): Promise<Stack | undefined> {
    try {
      return await LocalWorkspace.selectStack(...await this.#workspace(incidentId, program))
    } catch (error) {
      if (error instanceof StackNotFoundError) return undefined
      throw error
    }
  }

  async #workspace (incidentId: string, program: InlineProgramArgs['program']) {
    const { baseline, stateDir, pulumiHome, environment } = this.#options
    this.#command ??= engineCommand(stateDir, pulumiHome)
    const pulumiCommand = await this.#command.catch((error: unknown) => {
      this.#command = undefined
      throw error
    })
    const further = await environment?.() ?? {}
    const args: InlineProgramArgs = { stackName: stackName(incidentId), projectName: PROJECT, program }
    const options = {
      pulumiCommand,
      workDir: this.#workDir(incidentId),
      projectSettings: { name: PROJECT, runtime: 'nodejs' as const, backend: { url: backendUrl(baseline, { ...process.env, ...further }) } },
      secretsProvider: `awskms:///${baseline.stateKeyArn}?region=${baseline.region}`,
      envVars: {
        PULUMI_SKIP_UPDATE_CHECK: 'true',
        [PID_FILE_VARIABLE]: this.#pidFile(incidentId),
        ...further
      }
    }
    return [args, options] as const
  }

  #workDir (incidentId: string): string {
    return join(this.#options.stateDir, 'rooms', stackName(incidentId))
  }

  #pidFile (incidentId: string): string {
    return join(this.#workDir(incidentId), 'engine.pid')
  }
}

export function stackName (incidentId: string): string {
  return `clean-room-${incidentId}`
}

/** Where states live. Whoever sends the AWS SDKs elsewhere by AWS_ENDPOINT_URL sends Pulumi's bucket there too. */
export function backendUrl ({ stateBucket, region }: BaselineOutputs, env: NodeJS.ProcessEnv): string {
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  const query = new URLSearchParams({ region, ...endpoint && { endpoint, s3ForcePathStyle: 'true' } })
  return `s3://${stateBucket}?${query}`
}

function engineFailure (error: unknown, log?: EngineLog): CleanroomError {
  if (error instanceof CleanroomError) return error
  const said = error instanceof CommandError ? unique(error.message.split('\n').filter(line => line.startsWith('error:'))) : [messageOf(error)]
  const diagnostics = log && log.diagnostics.length > 0 ? log.diagnostics : said
  return new CleanroomError('ENGINE_FAILED', diagnostics[0] ?? 'Pulumi ended without a word', { cause: error, extra: { diagnostics } })
}

function roomOf (outputs: OutputMap): RoomOutputs {
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value as unknown])) as unknown as RoomOutputs
}

/** Names of the real resources that the state still holds. */
async function heldBy (stack: Stack): Promise<string[]> {
  const { deployment } = await stack.exportStack() as { deployment?: { resources?: Array<RoomResource & { custom?: boolean }> } }
  return (deployment?.resources ?? []).filter(({ type, custom }) => custom && !type.startsWith('pulumi:')).map(nameOf)
}

function nameOf ({ type, id }: RoomResource): string {
  return `${type} ${id}`
}

function unique (words: string[]): string[] {
  return [...new Set(words)]
}
