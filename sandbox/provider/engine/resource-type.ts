/**
 * One resource type of the provider: what it takes, what it gives, and the AWS calls behind it.
 * The engine (check, diff, read-back, tags, partial failure) is the same for all.
 */
import type { Static, TObject, TProperties } from 'typebox'
import type { AwsCall } from './aws-call.ts'
import type { Properties } from './schema.ts'

export type Tags = Record<string, string>
export type InputsOf<P extends TProperties> = Static<TObject<P>>
export type Known<P extends TProperties> = Partial<InputsOf<P>> & Properties

export interface Failure { property: string, reason: string }

export interface Tagging {
  set (call: AwsCall, id: string, state: Properties, tags: Tags): Promise<void>
  unset (call: AwsCall, id: string, state: Properties, keys: string[]): Promise<void>
}

/** Names are made as the real provider makes them: the resource's name, a separator and seven hex digits. */
export interface Autoname {
  property: string
  maxLength: number
  separator?: '-' | '_'
  lowercase?: boolean
  /** What the finished name starts or ends with, such as `alias/` or `.fifo`. */
  prefix?: string
  suffix?: (inputs: Properties) => string
}

export interface ResourceType<P extends TProperties = TProperties> {
  inputs: P
  /** Properties that AWS alone decides; unknown in a preview. */
  outputs: readonly string[]
  /** IAM and the like: no `region` input. */
  global?: true
  /** Present: the type has `tags` and `tagsAll`. */
  tagging?: Tagging
  autoname?: Autoname
  deleteBeforeReplace?: true
  /** What one property cannot say by itself. */
  check?(inputs: Known<P>): Failure[]
  /** Changes that replace only in one direction or together. Adds to the `replaces` facts. */
  replacesOn?(olds: Known<P>, news: Known<P>): string[]
  /** Makes the resource and returns its id; `call.created(id)` first if anything can fail after it exists. */
  create (call: AwsCall, inputs: InputsOf<P>): Promise<string | Made>
  /** The resource as AWS has it, inputs and outputs, or undefined if it is gone. */
  read (call: AwsCall, id: string, known: Known<P>): Promise<Properties | undefined>
  /** Absent: every change replaces. */
  update?(call: AwsCall, id: string, news: InputsOf<P>, olds: Known<P>, changed: ReadonlySet<string>): Promise<void>
  /** Done when AWS has it no longer; not found is done. */
  delete (call: AwsCall, id: string, state: Known<P>): Promise<void>
}

/** A new resource with facts that can't be read back from AWS. */
export interface Made { id: string, known: Properties }

/** Defines a resource type whose input names the published SDK (its `Args`) must know. */
export function resource<Args> () {
  return <P extends TProperties>(type: ResourceType<P> & { inputs: Record<Exclude<keyof P, keyof Args>, never> }): ResourceType => type as unknown as ResourceType
}
