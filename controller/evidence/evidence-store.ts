/**
 * Evidence: each artefact an object in the vault, hashed before it is sent and again from what was stored,
 * with an index of them. The ledger gets the intent before and the result after.
 *
 * All of it may be repeated: a step that was cut off anywhere runs again and ends with the same artefact.
 */
import { createHash } from 'node:crypto'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Pool } from 'pg'
import type { Custody } from '../incident/custody.ts'
import { CleanroomError } from '../incident/errors.ts'
import type { Artifact, LedgerEntry, Proof } from '../incident/incident.ts'
import { Vault, type StoredObject, type VaultBaseline } from './vault.ts'

export interface EvidenceParts {
  s3: S3Client
  pool: Pool
  custody: Custody
  baseline: VaultBaseline
}

interface NewArtifact {
  incidentId: string
  /** First folder below the incident's, for example `metadata`. */
  kind: string
  /** Unique in the incident. */
  artifactId: string
  /** Where the bytes come from, in words. */
  source: string
  actor: string
}

export interface PutEvidence extends NewArtifact {
  filename: string
  body: Uint8Array | string
  contentType: string
}

/** An object that another party wrote, with what that party says of it. */
export interface AdoptEvidence extends NewArtifact {
  key: string
  /** Lower-case hex, as claimed. */
  sha256: string
  /** Bytes, as claimed. */
  size: number
}

export class EvidenceStore {
  readonly #vault: Vault
  readonly #pool: Pool
  readonly #custody: Custody
  readonly #kmsKey: string

  constructor ({ s3, pool, custody, baseline }: EvidenceParts) {
    this.#vault = new Vault(s3, baseline)
    this.#pool = pool
    this.#custody = custody
    this.#kmsKey = baseline.evidenceKeyArn
  }

  /**
   * Stores bytes as new evidence; the same bytes again are the same artefact.
   * @throws CleanroomError EVIDENCE_EXISTS when the artefact holds other bytes, EVIDENCE_ALTERED when what
   *   was stored is not what was sent, AWS_*
   */
  async put (input: PutEvidence): Promise<Artifact> {
    const body = Buffer.from(input.body)
    const key = keyOf(input, input.filename)
    const expected = { key, sha256: createHash('sha256').update(body).digest('hex'), size: body.length }
    const known = await this.#known(input.incidentId, input.artifactId)
    if (known) return sameOrRefused(known, expected)

    await this.#note(input, 'intent', expected)
    const versionId = await this.#vault.write(key, body, input.contentType)
    const stored = await this.#vault.readBack(key, versionId)
    if (stored.sha256 !== expected.sha256) {
      if (versionId === undefined) throw exists(input.artifactId)
      throw await this.#altered(input, expected, stored)
    }
    return await this.#record(input, stored, await this.#vault.retention(stored), {})
  }

  /**
   * Takes an object into custody that another party, for example the workstation, wrote into the vault.
   * What that party says of it is a claim: the hash is computed again from the stored object, and both are
   * recorded. Bytes that do not fit are kept under retention all the same, but are no artefact.
   * @throws CleanroomError EVIDENCE_ALTERED, EVIDENCE_EXISTS, AWS_*
   */
  async adopt (input: AdoptEvidence): Promise<Artifact> {
    const { key, sha256, size } = input
    if (key !== keyOf(input, key.slice(key.lastIndexOf('/') + 1))) {
      throw new CleanroomError('INTERNAL', `${key} is not a key of artefact ${input.artifactId} of incident ${input.incidentId}.`)
    }
    const claimed = { key, sha256, size }
    const known = await this.#known(input.incidentId, input.artifactId)
    if (known) return sameOrRefused(known, claimed)

    await this.#note(input, 'claimed', claimed)
    const stored = await this.#vault.readBack(key)
    const retainUntil = await this.#vault.retain(stored)
    if (stored.sha256 !== sha256 || stored.size !== size) throw await this.#altered(input, claimed, stored)
    return await this.#record(input, stored, retainUntil, { claimed: { sha256, size } })
  }

  /** @throws CleanroomError NOT_FOUND */
  async get (incidentId: string, artifactId: string): Promise<Artifact> {
    const artifact = await this.#known(incidentId, artifactId)
    if (!artifact) throw new CleanroomError('NOT_FOUND', `Incident ${incidentId} has no artefact ${artifactId}.`)
    return artifact
  }

  /** Artefacts by id; `cursor` is the id the page before ended with. All of them without a limit. */
  async list (incidentId: string, { cursor, limit }: { cursor?: string, limit?: number } = {}): Promise<{ items: Artifact[], nextCursor?: string }> {
    const { rows } = await this.#pool.query<{ artifact: Artifact }>(
      'SELECT artifact FROM artifacts WHERE incident_id = $1 AND ($2::text IS NULL OR id COLLATE "C" > $2) ORDER BY id COLLATE "C" LIMIT $3',
      [incidentId, cursor ?? null, limit === undefined ? null : limit + 1])
    const items = rows.slice(0, limit).map(({ artifact }) => artifact)
    const last = rows.length > items.length ? items.at(-1) : undefined
    return { items, ...last && { nextCursor: last.id } }
  }

  /** A link that soon expires, for reading exactly the bytes that were taken into custody. */
  async url (artifact: Artifact): Promise<string> {
    return await this.#vault.link(artifact)
  }

  /** Reads the stored bytes and their protection again and compares them with the record. */
  async verify (artifact: Artifact): Promise<Proof> {
    const checks = await this.#vault.checks(artifact)
    return { ok: checks.every(({ ok }) => ok), at: new Date().toISOString(), checks }
  }

  async #known (incidentId: string, artifactId: string): Promise<Artifact | undefined> {
    const { rows } = await this.#pool.query<{ artifact: Artifact }>('SELECT artifact FROM artifacts WHERE incident_id = $1 AND id = $2', [incidentId, artifactId])
    return rows[0]?.artifact
  }

  /** What is about to be stored, or what another party says it has stored; once for each content. */
  async #note ({ incidentId, artifactId, kind, source, actor }: NewArtifact, what: 'intent' | 'claimed', { key, sha256, size }: Expected): Promise<LedgerEntry> {
    return await this.#custody.append(incidentId, {
      key: `evidence/${artifactId}/${sha256}:${what}`, actor, action: `evidence.${what}`, artifactId, sha256, detail: { kind, key, size, source }
    })
  }

  /** The result, first into the ledger and then into the index: who finds it in the index needs nothing more. */
  async #record ({ incidentId, kind, artifactId, source, actor }: NewArtifact, { key, versionId, sha256, size }: StoredObject, retainUntil: string, more: Record<string, unknown>): Promise<Artifact> {
    const entry = await this.#custody.append(incidentId, {
      key: `evidence/${artifactId}:stored`,
      actor,
      action: 'evidence.stored',
      artifactId,
      sha256,
      detail: { kind, key, versionId, size, retainUntil, kmsKey: this.#kmsKey, source, ...more }
    })
    // Another bearer of the same id was first: the ledger's word counts.
    if (entry.detail.key !== key || entry.sha256 !== sha256) throw exists(artifactId)
    const artifact: Artifact = { id: artifactId, kind, sha256, size, key, versionId, acquiredAt: entry.at, actor, source }
    await this.#pool.query('INSERT INTO artifacts (incident_id, id, artifact) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [incidentId, artifactId, artifact])
    return artifact
  }

  /** Writes into the ledger that stored bytes are not what they should be, and answers the error to throw. */
  async #altered ({ incidentId, artifactId, actor }: NewArtifact, { key, sha256, size }: Expected, stored: StoredObject): Promise<CleanroomError> {
    await this.#custody.append(incidentId, {
      key: `evidence/${artifactId}/${stored.versionId}:altered`,
      actor,
      action: 'evidence.altered',
      artifactId,
      sha256: stored.sha256,
      detail: { key, versionId: stored.versionId, size: stored.size, expected: { sha256, size } }
    })
    return new CleanroomError('EVIDENCE_ALTERED', `${key} should have SHA-256 ${sha256} and ${size} bytes; stored are ${stored.sha256} and ${stored.size} bytes.`)
  }
}

type Expected = Pick<StoredObject, 'key' | 'sha256' | 'size'>

/** `incidents/{incidentId}/{kind}/{artifactId}/{filename}`, each part a plain name. */
function keyOf ({ incidentId, kind, artifactId }: NewArtifact, filename: string): string {
  const parts = [incidentId, kind, artifactId, filename]
  for (const part of parts) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(part)) throw new CleanroomError('INTERNAL', `"${part}" can't be part of an evidence key.`)
  }
  return ['incidents', ...parts].join('/')
}

function sameOrRefused (known: Artifact, { key, sha256 }: Expected): Artifact {
  if (known.key !== key || known.sha256 !== sha256) throw exists(known.id)
  return known
}

function exists (artifactId: string): CleanroomError {
  return new CleanroomError('EVIDENCE_EXISTS', `Artefact ${artifactId} was stored before with other content; nothing was overwritten.`)
}
