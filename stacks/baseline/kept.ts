/**
 * What an earlier `pulumi destroy` left standing, so that the next `pulumi up` takes it back instead of
 * running into its name. A look-up that finds nothing means "make it": were that wrong, AWS would refuse
 * the second bucket or alias of that name, and nothing would be lost.
 */
import * as aws from '@pulumi/aws'
import type { KeyName } from './names.ts'

export interface Kept {
  /** Name of the evidence vault, if it is there. */
  bucket?: string
  /** Id of the key behind each alias that is there. */
  keys: Partial<Record<KeyName, string>>
}

export async function findKept (bucket: string, aliases: Partial<Record<KeyName, string>>): Promise<Kept> {
  const found = await Promise.all(Object.entries(aliases).map(async ([name, alias]) => {
    const key = await orAbsent(aws.kms.getAlias({ name: alias }))
    return key && [name, key.targetKeyId] as const
  }))
  return {
    bucket: (await orAbsent(aws.s3.getBucket({ bucket })))?.bucket,
    keys: Object.fromEntries(found.filter(entry => entry !== undefined))
  }
}

/** The provider says "not there" only in words. */
const ABSENT = /couldn't find resource|empty result|not ?found|no such|status ?code: 404/i

async function orAbsent<T> (lookUp: Promise<T>): Promise<T | undefined> {
  try {
    return await lookUp
  } catch (error) {
    if (ABSENT.test((error as Error).message)) return undefined
    throw error
  }
}
