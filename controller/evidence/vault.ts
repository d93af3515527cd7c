/**
 * The vault as S3 sees it: objects that are written once, read by version, kept by Object Lock.
 */
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import {
  GetObjectCommand, HeadObjectCommand, PutObjectCommand, PutObjectRetentionCommand,
  type HeadObjectCommandOutput, type S3Client
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { attempt, awsCode } from '../aws/aws-errors.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { Check } from '../incident/incident.ts'

/** How long a link to an object can be used. */
export const LINK_SECONDS = 300
/** What we ask for and what the vault records may differ by clocks and by the time a request takes. */
const RETENTION_TOLERANCE_MS = 5 * 60_000
const DAY_MS = 86_400_000

export type VaultBaseline = Pick<BaselineOutputs, 'accountId' | 'evidenceBucket' | 'evidenceKeyArn' | 'retention'>

/** One version of an object, as its bytes were read: hash in lower-case hex, size in bytes. */
export interface StoredObject { key: string, versionId: string, sha256: string, size: number }

type ObjectVersion = Pick<StoredObject, 'key'> & { versionId?: string }

export class Vault {
  readonly #s3: S3Client
  readonly #baseline: VaultBaseline

  constructor (s3: S3Client, baseline: VaultBaseline) {
    this.#s3 = s3
    this.#baseline = baseline
  }

  /**
   * Writes an object under explicit retention unless its key is taken.
   * @returns the version written, or undefined when the key is taken
   */
  async write (key: string, body: Uint8Array, contentType: string): Promise<string | undefined> {
    const { accountId, evidenceBucket, evidenceKeyArn, retention } = this.#baseline
    return await attempt(`storing ${key}`, async () => {
      try {
        const { VersionId } = await this.#s3.send(new PutObjectCommand({
          Bucket: evidenceBucket,
          ExpectedBucketOwner: accountId,
          Key: key,
          Body: body,
          ContentType: contentType,
          IfNoneMatch: '*',
          // Computed here, so that S3 refuses what was changed on the way.
          ChecksumAlgorithm: 'SHA256',
          ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
          ServerSideEncryption: 'aws:kms',
          SSEKMSKeyId: evidenceKeyArn,
          ObjectLockMode: retention.mode,
          ObjectLockRetainUntilDate: this.#retainUntil()
        }))
        return VersionId
      } catch (error) {
        if (awsCode(error) !== 'PreconditionFailed') throw error
        return undefined
      }
    })
  }

  /**
   * Hash, size and version of what the vault gives back, by default of the newest version.
   * @throws CleanroomError EVIDENCE_ALTERED when it is not there, or not what S3 checked on its arrival
   */
  async readBack (key: string, versionId?: string): Promise<StoredObject> {
    try {
      const head = await this.#head({ key, versionId })
      if (head.VersionId === undefined) throw new CleanroomError('EVIDENCE_ALTERED', `${key} has no version: the vault's versioning is off.`)
      const stored = { key, versionId: head.VersionId, ...await this.#digest({ key, versionId: head.VersionId }) }
      // A multipart object's checksum is one of its parts' checksums and says nothing of the whole.
      const kept = head.ChecksumType === 'COMPOSITE' || head.ChecksumSHA256?.includes('-') ? undefined : head.ChecksumSHA256
      if (kept !== undefined && Buffer.from(kept, 'base64').toString('hex') !== stored.sha256) {
        throw new CleanroomError('EVIDENCE_ALTERED', `The bytes that the vault gives for ${key} do not fit the checksum it keeps of them.`)
      }
      return stored
    } catch (error) {
      if (!isAbsent(error)) throw error
      throw new CleanroomError('EVIDENCE_ALTERED', `The vault holds no ${key}.`, { cause: error })
    }
  }

  /** Sets the retention of one version, from now on; answers until when. A retention can only be made longer. */
  async retain (object: StoredObject): Promise<string> {
    await attempt(`retaining ${object.key}`, () => this.#s3.send(new PutObjectRetentionCommand({
      Bucket: this.#baseline.evidenceBucket,
      Key: object.key,
      VersionId: object.versionId,
      ChecksumAlgorithm: 'SHA256',
      Retention: { Mode: this.#baseline.retention.mode, RetainUntilDate: this.#retainUntil() }
    })))
    return await this.retention(object)
  }

  /** Until when the vault says that it keeps this version. @throws CleanroomError EVIDENCE_ALTERED when that is less than the baseline asks for */
  async retention ({ key, versionId }: StoredObject): Promise<string> {
    const head = await this.#head({ key, versionId })
    const { mode, days } = this.#baseline.retention
    const until = head.ObjectLockRetainUntilDate
    if (head.ObjectLockMode !== mode || !until || until < this.#due(head.LastModified ?? new Date())) {
      throw new CleanroomError('EVIDENCE_ALTERED',
        `${key} is not retained as it must be: ${head.ObjectLockMode ?? 'no mode'} until ${until?.toISOString() ?? 'never'}, not ${mode} for ${days} days.`)
    }
    return until.toISOString()
  }

  /** A link for reading exactly this version; it can be used for {@link LINK_SECONDS}. */
  async link ({ key, versionId }: ObjectVersion): Promise<string> {
    return await getSignedUrl(this.#s3, new GetObjectCommand({
      Bucket: this.#baseline.evidenceBucket,
      Key: key,
      VersionId: versionId,
      // What came from a suspect machine is for saving, never for a browser to show.
      ResponseContentDisposition: `attachment; filename="${key.slice(key.lastIndexOf('/') + 1)}"`
    }), { expiresIn: LINK_SECONDS })
  }

  /** Every way in which an object and its protection may differ from the record of it. */
  async checks (object: ObjectVersion & { sha256: string, size: number, acquiredAt: string }): Promise<Check[]> {
    let head: HeadObjectCommandOutput
    let digest: { sha256: string, size: number }
    try {
      head = await this.#head(object)
      digest = await this.#digest(object)
    } catch (error) {
      if (!isAbsent(error)) throw error
      return [{ name: 'object is in the vault', ok: false, expected: object.key, observed: 'absent' }]
    }
    const due = this.#due(new Date(object.acquiredAt))
    const until = head.ObjectLockRetainUntilDate
    return [
      equal('SHA-256 of the stored bytes', object.sha256, digest.sha256),
      equal('size in bytes', String(object.size), String(digest.size)),
      equal('retention mode', this.#baseline.retention.mode, head.ObjectLockMode ?? 'none'),
      { name: 'retained until', ok: until !== undefined && until >= due, expected: `${due.toISOString()} or later`, observed: until?.toISOString() ?? 'not retained' },
      equal('encryption', 'aws:kms', head.ServerSideEncryption ?? 'none'),
      equal('key of the encryption', this.#baseline.evidenceKeyArn, head.SSEKMSKeyId ?? 'none')
    ]
  }

  async #head ({ key, versionId }: ObjectVersion): Promise<HeadObjectCommandOutput> {
    return await attempt(`looking at ${key}`, () => this.#s3.send(new HeadObjectCommand({
      Bucket: this.#baseline.evidenceBucket, Key: key, VersionId: versionId, ChecksumMode: 'ENABLED'
    })))
  }

  /** Hash and size of the bytes as they pass: evidence may be larger than memory. */
  async #digest ({ key, versionId }: ObjectVersion): Promise<{ sha256: string, size: number }> {
    return await attempt(`reading ${key}`, async () => {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#baseline.evidenceBucket, Key: key, VersionId: versionId }))
      const hash = createHash('sha256')
      let size = 0
      for await (const chunk of Body as Readable as AsyncIterable<Buffer>) {
        hash.update(chunk)
        size += chunk.length
      }
      return { sha256: hash.digest('hex'), size }
    })
  }

  #retainUntil (): Date {
    return new Date(Date.now() + this.#baseline.retention.days * DAY_MS)
  }

  /** The earliest end of retention for an object of that time. */
  #due (from: Date): Date {
    return new Date(from.getTime() + this.#baseline.retention.days * DAY_MS - RETENTION_TOLERANCE_MS)
  }
}

function equal (name: string, expected: string, observed: string): Check {
  return { name, ok: expected === observed, expected, observed }
}

function isAbsent (error: unknown): boolean {
  return ['NotFound', 'NoSuchKey', 'NoSuchVersion', '404'].includes(awsCode((error as { cause?: unknown }).cause) ?? '')
}
